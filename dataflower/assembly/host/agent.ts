import { randomIds, systemClock } from '@dataflower/common';
import { removeLeftBehind } from '@dataflower/common/process';
import { withObservers, type RecordObserver, type RecordWriter } from '@dataflower/common/records';
import {
  answerText,
  type ContainerDriver,
  type ContainersOptions,
  countHost,
  createDataSink,
  createExecutor,
  createLocalPipe,
  defaultDriver,
  Engine,
  type Executor,
  GatewayExecutor,
  HostAgent,
  type HostAgentEvents,
  resultText,
} from '@dataflower/invoker-shim';
import type { Config } from '../../config/index.js';

export interface AgentSurroundings {
  /** Name of the host in records. Default: `host0`. */
  readonly id?: string;
  readonly records: RecordWriter;
  /** Each hears of every record as it is written; quick, and never throws. Default: none. */
  readonly onRecord?: readonly RecordObserver[];
  /** Default: none. */
  readonly events?: readonly HostAgentEvents[];
  /** Default: child processes. */
  readonly driver?: ContainerDriver;
  /** Default: none. */
  readonly logger?: ContainersOptions['logger'];
}

/** Function instances that one run may start by one FOREACH port. */
const INSTANCE_LIMIT = 1_000_000;
/** Enough to keep 34 containers in use with functions of 1 ms; shorter functions do not scale out further. */
const INSTANCES_AHEAD = 1024;

/** The agent of one host and all its parts. Removes first what dead agents of this machine left. */
export function createAgent(config: Config, surroundings: AgentSurroundings): HostAgent {
  const { limits } = config;
  const { id = 'host0', driver = defaultDriver(), onRecord = [], events = [] } = surroundings;
  removeLeftBehind();

  const clock = systemClock;
  const sink = createDataSink({
    limitBytes: config.sink.limitBytes,
    onPressure: (error, namespace) => agent.endYoungest(namespace, error.message),
  });
  const counted = countHost(
    driver,
    () => agent.currentStatus(),
    () => sink.metrics,
  );
  const executor = createExecutor({
    ...containersOptions(config, surroundings),
    driver: counted.driver,
    sink,
    clock,
  });
  const records = withObservers(surroundings.records, [counted.onRecord, ...onRecord]);
  const engine = (over: Executor, holdOutputs: boolean): Engine =>
    new Engine({
      hostId: id,
      executor: over,
      sink,
      records,
      clock,
      newId: randomIds(),
      resultText,
      answerText: (value) => answerText(value, limits.resultBytes),
      openPipe: (receive) => createLocalPipe(receive),
      componentLimit: limits.sequenceLength,
      instanceLimit: INSTANCE_LIMIT,
      instancesAhead: INSTANCES_AHEAD,
      budget: {
        tokens: limits.workflowTokens,
        instances: limits.workflowInstances,
        bytes: limits.workflowBytes,
        valueBytes: limits.workflowValueBytes,
      },
      workflowTimeoutMs: limits.workflowTimeoutMs,
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

function containersOptions({ containers }: Config, { logger }: AgentSurroundings): ContainersOptions {
  const { prewarm, max, maxPerAction, memoryMiB } = containers;
  return {
    namespaceShare: containers.namespaceShare,
    idleMs: containers.idleMs,
    pauseAfterMs: containers.pauseAfterMs,
    prewarmReplaceMs: containers.prewarmReplaceMs,
    helloTimeoutMs: containers.helloTimeoutMs,
    openWhiskMessageBytes: containers.images.messageBytes,
    ...(prewarm === undefined ? {} : { prewarm }),
    ...(max === undefined ? {} : { maxContainers: max }),
    ...(maxPerAction === undefined ? {} : { maxContainersPerKey: maxPerAction }),
    ...(memoryMiB === undefined ? {} : { memoryLimitMiB: memoryMiB }),
    ...(logger === undefined ? {} : { logger }),
  };
}
