import type { Definition } from '@dataflower/action-runtime/protocol';
import { jsonOf } from '../../sink/testing/json-of.js';
import type { Value } from '../../sink/value.js';
import type { ContainerSpec, Executor, FunctionRun, Room, RunEnd } from '../executor.js';
import type { MemorySink } from '../../sink/testing/memory-sink.js';

export function testSpec(over: Partial<ContainerSpec> & { code?: string } = {}): ContainerSpec {
  const { code = '', ...spec } = over;
  const memoryMiB = spec.memoryMiB ?? 128;
  return {
    key: 'guest/a@1',
    namespace: 'guest',
    kind: 'nodejs:20',
    memoryMiB,
    timeoutMs: 60_000,
    logLimitBytes: 10_000,
    load: () =>
      Promise.resolve({
        init: {
          name: 'a',
          main: 'main',
          binary: false,
          kind: 'code',
          env: {},
          parameters: {},
          logLimitBytes: spec.logLimitBytes ?? 10_000,
          memoryMiB,
        },
        code: Buffer.from(code),
      }),
    ...spec,
  };
}

export interface TestRunOptions {
  readonly input?: Value;
  readonly definition?: Definition;
  readonly env?: string;
  /** Ports that are taken. Default: none. */
  readonly ports?: readonly string[];
  readonly outputs?: Room;
}

/** A run that records its events. */
export class TestRun implements FunctionRun {
  readonly activationId: string;
  readonly transactionId = 'tid';
  readonly definition: Definition | undefined;
  readonly input: Value;
  readonly env: string | null;
  readonly outputs?: Room;
  readonly events: string[] = [];
  readonly emits: { port: string; value: unknown }[] = [];
  end: (Omit<RunEnd, 'value'> & { value: unknown }) | undefined;
  wasDropped = false;
  /** Called when it has started. */
  onStarted: () => void = () => undefined;
  /** Resolves when it has ended or was dropped. */
  readonly done: Promise<void>;
  #resolve!: () => void;
  static #count = 0;

  readonly #options: TestRunOptions;

  constructor(
    sink: MemorySink,
    readonly spec: ContainerSpec,
    options: TestRunOptions = {},
  ) {
    this.#options = options;

    this.activationId = (++TestRun.#count).toString(16).padStart(32, '0');
    this.definition = options.definition;
    this.input = options.input ?? sink.of({});
    this.env = options.env ?? null;
    if (options.outputs !== undefined) this.outputs = options.outputs;
    this.done = new Promise((resolve) => (this.#resolve = resolve));
  }

  get isOver(): boolean {
    return this.end !== undefined || this.wasDropped;
  }

  get error(): unknown {
    return (this.end?.value as { error?: unknown } | undefined)?.error;
  }

  started(): void {
    this.#refuseAfterEnd();
    this.events.push('started');
    this.onStarted();
  }

  emitted(port: string, value: Value): boolean {
    this.#refuseAfterEnd();
    this.events.push(`emitted ${port}`);
    this.emits.push({ port, value: jsonOf(value) });
    value.release();
    return this.#options.ports?.includes(port) ?? false;
  }

  ended(end: RunEnd): void {
    this.#refuseAfterEnd();
    this.events.push('ended');
    this.end = { ...end, value: jsonOf(end.value) };
    end.value.release();
    this.input.release();
    if (end.allLogs === undefined) this.#resolve();
    else void end.allLogs.then((logs) => this.#logged(logs));
  }

  dropped(): void {
    this.#refuseAfterEnd();
    this.events.push('dropped');
    this.wasDropped = true;
    this.input.release();
    this.#resolve();
  }

  #logged(logs: readonly string[]): void {
    this.end = { ...this.end!, logs };
    this.#resolve();
  }

  #refuseAfterEnd(): void {
    if (this.isOver) throw new Error(`called back after its end: ${this.events.join(', ')}`);
  }
}

/** Executes a run and returns it. */
export function execute(executor: Executor, sink: MemorySink, spec: ContainerSpec, options?: TestRunOptions): TestRun {
  const run = new TestRun(sink, spec, options);
  executor.execute(run);
  return run;
}
