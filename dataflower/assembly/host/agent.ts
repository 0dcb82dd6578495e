import { type Clock, randomIds, systemClock } from '@dataflower/common';
import { removeLeftBehind } from '@dataflower/common/process';
import { observedRecords, type RecordObserver, type RecordWriter } from '@dataflower/common/records';
import {
  answerText,
  BUDGET_LIMITS,
  type BudgetLimits,
  type ContainersOptions,
  countHost,
  createDataSink,
  createExecutor,
  createLocalPipe,
  type DataSinkOptions,
  defaultDriver,
  Engine,
  type Executor,
  GatewayExecutor,
  HostAgent,
  type HostAgentEvents,
  MAX_RESULT_BYTES,
  resultText,
} from '@dataflower/invoker-shim';

export interface AgentOptions {
  /** Name of the host in records. Default: `host0`. */
  readonly id?: string;
  readonly records: RecordWriter;
  /** Each hears of every record as it is written; quick, and never throws. Default: none. */
  readonly onRecord?: readonly RecordObserver[];
  /** Default: none. */
  readonly events?: readonly HostAgentEvents[];
  readonly containers?: ContainersOptions;
  readonly sink?: Omit<DataSinkOptions, 'onPressure'>;
  /** Components along one path. Default: 50 (OpenWhisk). */
  readonly componentLimit?: number;
  /** Largest result of an invocation, in bytes; between functions there is no such bound. Default: 1 MiB (OpenWhisk). */
  readonly resultLimitBytes?: number;
  /** What one activation of a workflow may take of the engine. Default: `BUDGET_LIMITS`. */
  readonly budget?: BudgetLimits;
  /** Time that a workflow may take as a whole, in ms. Default: 24 hours. */
  readonly workflowTimeoutMs?: number;
  readonly clock?: Clock;
}

/** Function instances that one run may start by one FOREACH port. */
const INSTANCE_LIMIT = 1_000_000;
/** Enough to keep 34 containers in use with functions of 1 ms; shorter functions do not scale out further. */
const INSTANCES_AHEAD = 1024;
const DAY_MS = 24 * 60 * 60_000;

/** The agent of one host and all its parts. Removes first what dead agents of this machine left. */
export function createAgent(options: AgentOptions): HostAgent {
  const { id = 'host0', clock = systemClock, containers, onRecord = [], events = [] } = options;
  const { budget = BUDGET_LIMITS, workflowTimeoutMs = DAY_MS, componentLimit = 50 } = options;
  const { resultLimitBytes = MAX_RESULT_BYTES } = options;
  const bases = [containers?.socketDir, options.sink?.spillDir, options.sink?.handoverDir];
  removeLeftBehind(bases.filter((base) => typeof base === 'string'));

  const sink = createDataSink({
    ...options.sink,
    onPressure: (error, namespace) => agent.endYoungest(namespace, error.message),
  });
  const counted = countHost(
    containers?.driver ?? defaultDriver(),
    () => agent.currentStatus(),
    () => sink.metrics,
  );
  const executor = createExecutor({ ...containers, driver: counted.driver, sink, clock });
  const records = observedRecords(options.records, [counted.onRecord, ...onRecord]);
  const engine = (over: Executor, holdOutputs: boolean): Engine =>
    new Engine({
      hostId: id,
      executor: over,
      sink,
      records,
      clock,
      newId: randomIds(),
      resultText,
      answerText: (value) => answerText(sink, value, resultLimitBytes),
      openPipe: (receive) => createLocalPipe(receive),
      componentLimit,
      instanceLimit: INSTANCE_LIMIT,
      instancesAhead: INSTANCES_AHEAD,
      budget,
      workflowTimeoutMs,
      holdOutputs,
    });
  const agent = new HostAgent({
    id,
    clock,
    sink,
    executor,
    engines: { dataflow: engine(executor, false), controlflow: engine(new GatewayExecutor(executor, sink), true) },
    metrics: () => counted.text(),
    events: [{ answered: (status) => counted.answered(status) }, ...events],
  });
  return agent;
}
