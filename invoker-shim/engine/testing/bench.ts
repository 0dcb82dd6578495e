import type { ActivationRecord } from '@dataflower/common/records';
import { MemoryRecords } from '@dataflower/common/records/testing';
import { TestClock } from '@dataflower/common/testing';
import type { FunctionTarget, StartMessage, WorkflowTarget } from '../../host/host.js';
import type { Pipe, TokenReceiver } from '../../pipes/pipe.js';
import { createLocalPipe } from '../../pipes/index.js';
import { createDataSink, type MeasuredDataSink } from '../../sink/index.js';
import { answerText } from '../../results/answer-text.js';
import { resultText } from '../../results/result-text.js';
import { BUDGET_LIMITS } from '../activation/budget.js';
import { Engine, type EngineOptions } from '../engine.js';
import { FakeExecutor, type HeldRun } from './fake-executor.js';

export type BenchOptions = Partial<
  Pick<
    EngineOptions,
    'componentLimit' | 'budget' | 'instanceLimit' | 'instancesAhead' | 'holdOutputs' | 'resultText' | 'answerText'
  >
> & {
  /** A sink for many benches: making one makes a directory. Its maker closes it. Default: the bench has its own. */
  sink?: MeasuredDataSink;
  openPipe?: (receive: TokenReceiver) => Pipe;
  executor?: (executor: FakeExecutor, sink: MeasuredDataSink) => EngineOptions['executor'];
};

/** An activation that a test has started. */
export interface Started {
  readonly id: string;
  readonly answers: ActivationRecord[];
  /** The answered result as JavaScript. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- JSON of any form
  readonly result: any;
}

/** An engine for tests: real sink and pipe, a fake executor, a clock moved by hand. */
export class Bench {
  readonly clock = new TestClock();
  readonly records = new MemoryRecords();
  readonly sink: MeasuredDataSink;
  readonly executor: FakeExecutor;
  readonly engine: Engine;
  readonly started: Started[] = [];
  readonly #ownSink: boolean;
  readonly #valuesBefore: number;
  readonly #bytesBefore: number;
  #ids = 0;

  constructor(options: BenchOptions = {}) {
    const { openPipe, executor, sink, ...rest } = options;
    this.#ownSink = sink === undefined;
    this.sink = sink ?? createDataSink({ handoverDir: false, clock: this.clock });
    this.#valuesBefore = this.sink.metrics.values;
    this.#bytesBefore = this.sink.residentBytes;
    this.executor = new FakeExecutor(this.sink, this.clock);
    this.engine = new Engine({
      hostId: 'host0',
      executor: executor?.(this.executor, this.sink) ?? this.executor,
      sink: this.sink,
      records: this.records,
      clock: this.clock,
      newId: () => this.#newId(),
      resultText,
      answerText: (value) => answerText(value, 1024 * 1024),
      openPipe: openPipe ?? ((receive) => createLocalPipe(receive, { onError: raise, turnMs: Infinity })),
      componentLimit: 50,
      instanceLimit: 1_000_000,
      instancesAhead: 1024,
      holdOutputs: false,
      budget: BUDGET_LIMITS,
      workflowTimeoutMs: 86_400_000,
      ...rest,
    });
  }

  start(target: FunctionTarget | WorkflowTarget, params: unknown = {}, message: Partial<StartMessage> = {}): Started {
    const activationId = this.#newId();
    const answers: ActivationRecord[] = [];
    const started: Started = {
      id: activationId,
      answers,
      get result() {
        if (answers.length !== 1) throw new Error(`answered ${answers.length} times`);
        return JSON.parse(answers[0]!.result) as unknown;
      },
    };
    this.started.push(started);
    const identity = { namespace: 'guest', subject: 'guest' };
    const payload = Buffer.from(JSON.stringify(params));
    const receivedAt = this.clock.wall();
    const received = this.clock.now();
    this.engine.start(
      {
        activationId,
        transactionId: 'tid',
        identity,
        target,
        payload,
        receivedAt,
        received,
        paradigm: 'dataflow',
        ...message,
      },
      (record) => answers.push(record),
    );
    return started;
  }

  held(name: string): HeldRun {
    return this.executor.held(name);
  }

  /** Names of the open runs, sorted. */
  get open(): string[] {
    return this.executor.open.map(({ name }) => name).sort();
  }

  /** Starts a workflow and runs all of it by the scripts. */
  run(target: FunctionTarget | WorkflowTarget, params: unknown = {}): Started {
    const started = this.start(target, params);
    this.executor.runAll();
    return started;
  }

  /** E1, E4: every activation was answered once and has ended, and nothing is resident. Throws otherwise. */
  check(): void {
    for (const { id, answers } of this.started)
      if (answers.length !== 1) throw new Error(`${id} was answered ${answers.length} times`);
    const left = {
      activations: this.engine.size,
      values: this.sink.metrics.values - this.#valuesBefore,
      bytes: this.sink.residentBytes - this.#bytesBefore,
      runs: this.executor.open.length,
      timers: this.clock.timers,
    };
    // There may be fewer values than before, when the test had made some of them.
    if (Object.values(left).some((count) => count > 0)) throw new Error(`resident at the end: ${JSON.stringify(left)}`);
  }

  /** To be called after each test. */
  async close(): Promise<void> {
    try {
      this.check();
    } finally {
      if (this.#ownSink) await this.sink.close();
    }
  }

  #newId(): string {
    return (++this.#ids).toString(16).padStart(32, '0');
  }
}

function raise(error: unknown): never {
  throw error;
}
