import { type Clock, systemClock, randomIds } from '@dataflower/common';
import { removeLeftBehind } from '@dataflower/common/process';
import { type RecordObserver, observedRecords, type RecordWriter } from '@dataflower/common/records';
import { type ContainersOptions, createExecutor, defaultDriver } from '../../containers/pool/container-executor.js';
import type { Executor } from '../../containers/executor.js';
import { GatewayExecutor } from '../../controlflow/gateway-executor.js';
import { BUDGET_LIMITS, type BudgetLimits } from '../../engine/activation/budget.js';
import { Engine } from '../../engine/engine.js';
import { countHost } from '../../metrics/host-registry.js';
import { createLocalPipe } from '../../pipes/index.js';
import { answerText } from '../../results/answer-text.js';
import { MAX_RESULT_BYTES, resultText } from '../../results/result-text.js';
import { type DataSinkOptions, type MeasuredDataSink, createDataSink } from '../../sink/index.js';
import { ActivationLog, type ActivationLogger } from './activation-log.js';
import type { Answer, CancelOutcome, CancelRequest, Host, HostStatus, StartMessage } from '../host.js';
import type { HostMetrics } from './metrics.js';

export interface InProcessHostOptions {
  /** Name in records. Default `host0`. */
  readonly id?: string;
  readonly records: RecordWriter;
  /** Hears of every record as it is written; quick, and never throws. */
  readonly onRecord?: RecordObserver;
  /** Hears of every activation and of its parts; leave it out where nobody listens, it costs. */
  readonly activationLogger?: ActivationLogger;
  readonly containers?: ContainersOptions;
  readonly sink?: Omit<DataSinkOptions, 'onPressure'>;
  /** Components along one path. Default 50 (OpenWhisk). */
  readonly componentLimit?: number;
  /** Instances that one run may start by one FOREACH port. Default 1,000,000. */
  readonly instanceLimit?: number;
  /** Largest result of an invocation, in bytes; between functions there is no such bound. Default 1 MiB (OpenWhisk). */
  readonly resultLimitBytes?: number;
  /** What one activation of a workflow may make of the engine. Default: `BUDGET_LIMITS`. */
  readonly budget?: BudgetLimits;
  /** Milliseconds that a workflow may take as a whole. Default: 24 hours. */
  readonly workflowTimeoutMs?: number;
  readonly clock?: Clock;
}

/** As many as keep 34 containers in use with functions of 1 ms, which is as far as shorter ones scale out. */
const INSTANCES_AHEAD = 1024;

/**
 * A host agent in the gateway's own process: what `dataflower standalone` runs. Two engines share its containers and
 * its sink: one by data flow, one by control flow (DESIGN of the paradigms: ARCHITECTURE.md).
 */
export function createInProcessHost(options: InProcessHostOptions): Host {
  return new InProcessHost(options);
}

class InProcessHost implements Host {
  readonly id: string;
  readonly #clock: Clock;
  readonly #sink: MeasuredDataSink;
  readonly #executor: Executor;
  readonly #dataflow: Engine;
  readonly #controlflow: Engine;
  readonly #metrics: HostMetrics;
  #log: ActivationLog | undefined;
  #closing = false;

  constructor(options: InProcessHostOptions) {
    this.id = options.id ?? 'host0';
    const clock = options.clock ?? systemClock;
    this.#clock = clock;
    const { containers, sink } = options;
    const bases = [containers?.socketDir, sink?.spillDir, sink?.handoverDir];
    removeLeftBehind(bases.filter((base) => typeof base === 'string'));
    this.#sink = createDataSink({
      ...options.sink,
      onPressure: (error, namespace) => {
        const [one, other] = [this.#dataflow.youngest(namespace), this.#controlflow.youngest(namespace)];
        const youngest = one !== undefined && other !== undefined && other.received > one.received ? other : one;
        (youngest ?? other)?.end(error.message);
      },
    });
    const counted = countHost(
      options.containers?.driver ?? defaultDriver(),
      () => this.#status(),
      () => this.#sink.metrics,
    );
    this.#metrics = counted;
    const { onRecord, activationLogger } = options;
    if (activationLogger !== undefined) this.#log = new ActivationLog(activationLogger);
    const observers = [counted.onRecord, onRecord, this.#log?.ended].filter((observer) => observer !== undefined);
    const records = observedRecords(options.records, observers);
    this.#executor = createExecutor({ ...options.containers, driver: counted.driver, sink: this.#sink, clock });
    const engine = (executor: Executor, holdOutputs: boolean): Engine =>
      new Engine({
        hostId: this.id,
        executor,
        sink: this.#sink,
        records,
        clock,
        newId: randomIds(),
        resultText,
        answerText: (value) => answerText(this.#sink, value, options.resultLimitBytes ?? MAX_RESULT_BYTES),
        openPipe: (receive) => createLocalPipe(receive),
        componentLimit: options.componentLimit ?? 50,
        instanceLimit: options.instanceLimit ?? 1_000_000,
        instancesAhead: INSTANCES_AHEAD,
        budget: options.budget ?? BUDGET_LIMITS,
        workflowTimeoutMs: options.workflowTimeoutMs ?? 24 * 60 * 60_000,
        holdOutputs,
      });
    this.#dataflow = engine(this.#executor, false);
    this.#controlflow = engine(new GatewayExecutor(this.#executor, this.#sink), true);
  }

  start(message: StartMessage, answer: Answer): string {
    if (this.#closing) throw new Error('the host is stopping and takes no more work');
    this.#sink.admit(message.identity.namespace);
    this.#log?.started(message);
    const engine = message.paradigm === 'controlflow' ? this.#controlflow : this.#dataflow;
    engine.start(message, (record, result) => {
      this.#metrics.answered(record.status);
      answer(record, result);
    });
    return this.id;
  }

  async cancel({ activationId, namespace, reason }: CancelRequest): Promise<CancelOutcome> {
    for (const engine of [this.#dataflow, this.#controlflow]) {
      const topmost = await engine.topmostOf(activationId, namespace);
      if (topmost === undefined) continue;
      if (topmost !== activationId) return { outcome: 'part', of: topmost };
      if (engine.cancel(activationId, reason)) return { outcome: 'stopping' };
    }
    return { outcome: 'unknown' };
  }

  status(): Promise<HostStatus> {
    return Promise.resolve(this.#status());
  }

  #status(): HostStatus {
    const executor = this.#executor.status();
    return {
      activations: this.#dataflow.size + this.#controlflow.size,
      queued: executor.queued + this.#dataflow.waiting + this.#controlflow.waiting,
      executor,
      sink: { residentBytes: this.#sink.residentBytes, limitBytes: this.#sink.limitBytes },
    };
  }

  metrics(): Promise<string> {
    return this.#metrics.text();
  }

  /** What was accepted runs to its end, as far as the time allows. */
  async #drained(drainMs: number): Promise<void> {
    let stopWaiting = (): void => undefined;
    const over = new Promise<void>((resolve) => {
      stopWaiting = this.#clock.after(drainMs, resolve);
    });
    await Promise.race([Promise.all([this.#dataflow.idle(), this.#controlflow.idle()]), over]);
    stopWaiting();
  }

  async close(drainMs: number): Promise<void> {
    this.#closing = true;
    await this.#drained(drainMs);
    await this.#executor.close(0);
    // A workflow that runs nothing in containers might go on for ever.
    for (const engine of [this.#dataflow, this.#controlflow]) engine.stopAll();
    await Promise.all([this.#dataflow.idle(), this.#controlflow.idle()]);
    await Promise.all([this.#dataflow.close(), this.#controlflow.close()]);
    await this.#sink.close();
  }
}
