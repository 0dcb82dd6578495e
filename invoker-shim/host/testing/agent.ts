import { type Clock, randomIds, systemClock } from '@dataflower/common';
import { withObservers, type RecordWriter } from '@dataflower/common/records';
import type { Executor } from '../../containers/executor.js';
import { type ContainersOptions, createExecutor, defaultDriver } from '../../containers/pool/container-executor.js';
import { GatewayExecutor } from '../../controlflow/gateway-executor.js';
import { BUDGET_LIMITS } from '../../engine/activation/budget.js';
import { Engine } from '../../engine/engine.js';
import { countHost } from '../../metrics/host-registry.js';
import { createLocalPipe } from '../../pipes/index.js';
import { answerText } from '../../results/answer-text.js';
import { MAX_RESULT_BYTES, resultText } from '../../results/result-text.js';
import { createDataSink, type DataSinkOptions } from '../../sink/index.js';
import { HostAgent } from '../agent/host-agent.js';

export interface TestAgentOptions {
  /** Default: `host0`. */
  readonly id?: string;
  readonly records: RecordWriter;
  readonly containers?: ContainersOptions;
  readonly sink?: Omit<DataSinkOptions, 'onPressure'>;
  /** Default: 1,000,000. */
  readonly instanceLimit?: number;
  readonly clock?: Clock;
}

/** A whole agent as the platform has it: real containers (child processes), a real sink, both engines. */
export function testAgent(options: TestAgentOptions): HostAgent {
  const { id = 'host0', clock = systemClock, instanceLimit = 1_000_000, containers } = options;
  const sink = createDataSink({
    ...options.sink,
    onPressure: (error, namespace) => agent.endYoungest(namespace, error.message),
  });
  const driver = containers?.driver ?? defaultDriver();
  const counted = countHost(
    driver,
    () => agent.currentStatus(),
    () => sink.metrics,
  );
  const executor = createExecutor({ ...containers, driver: counted.driver, sink, clock });
  const engine = (over: Executor, holdOutputs: boolean): Engine =>
    new Engine({
      hostId: id,
      executor: over,
      sink,
      records: withObservers(options.records, [counted.onRecord]),
      clock,
      newId: randomIds(),
      resultText,
      answerText: (value) => answerText(value, MAX_RESULT_BYTES),
      openPipe: (receive) => createLocalPipe(receive),
      componentLimit: 50,
      instanceLimit,
      instancesAhead: 1024,
      budget: BUDGET_LIMITS,
      workflowTimeoutMs: 24 * 60 * 60_000,
      holdOutputs,
    });
  const agent = new HostAgent({
    id,
    clock,
    sink,
    executor,
    engines: { dataflow: engine(executor, false), controlflow: engine(new GatewayExecutor(executor, sink), true) },
    metrics: () => counted.text(),
    events: [{ answered: (status) => counted.answered(status) }],
  });
  return agent;
}
