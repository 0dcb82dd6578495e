import { encodeValue } from '@dataflower/action-runtime/protocol';
import { ChurnMap, type Clock, systemClock } from '@dataflower/common';
import type { ContainerSpec, Executor, ExecutorStatus, FunctionRun, RunEnd } from '../containers/executor.js';
import { bytesOf } from '../sink/value-bytes.js';
import { unreadableText } from '../engine/values/json-value.js';
import type { DataSink, Value } from '../sink/value.js';

/**
 * The executor of the control-flow paradigm: every value crosses the gateway, as with OpenWhisk's controller. Inputs are
 * copied from the gateway to the host, outputs and results back, as a whole. Containers, bounds and time limits are the
 * host's own. An engine with `holdOutputs` on top of it starts a node when its predecessors have ended.
 */
export class GatewayExecutor implements Executor {
  readonly #crossings = new ChurnMap<FunctionRun, Crossing>();

  readonly #executor: Executor;
  readonly #sink: DataSink;
  readonly #clock: Clock;

  constructor(executor: Executor, sink: DataSink, clock: Clock = systemClock) {
    this.#executor = executor;
    this.#sink = sink;
    this.#clock = clock;
  }

  execute(run: FunctionRun): void {
    const crossing = new Crossing(run, this.#sink.forNamespace(run.spec.namespace), this.#clock, () =>
      this.#crossings.delete(run),
    );
    this.#crossings.set(run, crossing);
    crossing.enter(this.#executor);
  }

  cancel(run: FunctionRun, reason: string): void {
    const crossing = this.#crossings.get(run);
    if (crossing?.entered === true) this.#executor.cancel(crossing, reason);
    else crossing?.giveUp();
  }

  withdraw(run: FunctionRun): void {
    const crossing = this.#crossings.get(run);
    if (crossing?.entered === true) this.#executor.withdraw(crossing);
    else crossing?.giveUp();
  }

  /** Takes no hints: OpenWhisk's controller knows no next node. */
  warm(): undefined {
    // The paradigm starts no container ahead.
  }

  status(): ExecutorStatus {
    return this.#executor.status();
  }

  /** The host that owns the containers closes them. */
  async close(): Promise<void> {
    await Promise.resolve();
  }
}

/** One run whose values cross the border between gateway and host. */
class Crossing implements FunctionRun {
  /** The host's executor has it. */
  entered = false;
  #input: Value | undefined;
  #givenUp = false;
  /** Outputs on their way back; the run ends when they have crossed. */
  #emitted: Promise<void> | undefined;
  /** Error of an output that crossed after the container was told that the output is taken. */
  #refused: string | undefined;

  readonly #run: FunctionRun;
  readonly #sink: DataSink;
  readonly #clock: Clock;
  readonly #done: () => void;

  constructor(run: FunctionRun, sink: DataSink, clock: Clock, done: () => void) {
    this.#run = run;
    this.#sink = sink;
    this.#clock = clock;
    this.#done = done;
  }

  get spec(): ContainerSpec {
    return this.#run.spec;
  }
  get activationId(): string {
    return this.#run.activationId;
  }
  get transactionId(): string {
    return this.#run.transactionId;
  }
  get definition(): FunctionRun['definition'] {
    return this.#run.definition;
  }
  get env(): string | null {
    return this.#run.env;
  }
  get outputs(): FunctionRun['outputs'] {
    return this.#run.outputs;
  }
  get input(): Value {
    return this.#input ?? this.#run.input;
  }

  enter(executor: Executor): void {
    const crossed = this.#cross(this.#run.input);
    if (!(crossed instanceof Promise)) {
      this.#go(executor, crossed);
      return;
    }
    void crossed.then(
      (input) => this.#go(executor, input),
      (error: unknown) => this.#neverStarted(error),
    );
  }

  /** Keeps a run that has not entered from entering. */
  giveUp(): void {
    this.#givenUp = true;
  }

  started(at: number): void {
    this.#run.started(at);
  }

  emitted(port: string, value: Value): boolean {
    // A value in a file crosses later; a wrong port is refused now all the same.
    if (this.#run.definition?.outputs.includes(port) !== true) {
      value.release();
      return false;
    }
    const pending = this.#emitted;
    const crossed = pending === undefined ? this.#cross(value) : pending.then(() => this.#cross(value));
    if (!(crossed instanceof Promise)) {
      value.release();
      return this.#run.emitted(port, crossed);
    }
    // Later values wait for this one, so that they keep their order.
    this.#emitted = crossed.then(
      (copy) => {
        value.release();
        if (!this.#run.emitted(port, copy)) this.#refused ??= `The port "${port}" takes no more values.`;
      },
      (error: unknown) => {
        value.release();
        this.#refused ??= unreadableText('A value', error);
      },
    );
    return true;
  }

  ended(end: RunEnd): void {
    const pending = this.#emitted;
    const crossed = pending === undefined ? this.#cross(end.value) : pending.then(() => this.#cross(end.value));
    if (!(crossed instanceof Promise)) {
      this.#finish(end, crossed);
      return;
    }
    void crossed.then(
      (value) => this.#finish(end, value),
      (error: unknown) => this.#finish({ ...end, status: 3 }, this.#error(unreadableText('A value', error))),
    );
  }

  dropped(): void {
    this.#input?.release();
    this.#done();
    this.#run.dropped();
  }

  #go(executor: Executor, input: Value): void {
    this.#input = input;
    // The gateway keeps the input to the end and does not read it again.
    this.#run.input.setWaiting(true);
    if (this.#givenUp) {
      this.dropped();
      return;
    }
    this.entered = true;
    executor.execute(this);
  }

  #neverStarted(error: unknown): void {
    if (this.#givenUp) {
      this.dropped();
      return;
    }
    const at = this.#clock.now();
    this.#done();
    this.#run.ended({
      status: 3,
      value: this.#error(unreadableText('A value', error)),
      env: null,
      timedOut: false,
      startedAt: at,
      endedAt: at,
      initMs: undefined,
      containerId: '',
      coldStart: false,
      logs: [],
    });
  }

  #finish(end: RunEnd, value: Value): void {
    end.value.release();
    this.#input?.release();
    this.#done();
    if (this.#refused === undefined) {
      this.#run.ended({ ...end, value });
      return;
    }
    value.release();
    this.#run.ended({ ...end, status: 2, value: this.#error(this.#refused) });
  }

  #error(text: string): Value {
    const { segments, shape } = encodeValue({ error: text });
    return this.#sink.put(Buffer.concat(segments), shape);
  }

  /** Copies a value into the memory of the other side. */
  #cross(value: Value): Value | Promise<Value> {
    const bytes = bytesOf(value);
    if (!Buffer.isBuffer(bytes)) return bytes.then((read) => this.#sink.put(read, value.shape));
    // A composite that was joined just now is a copy already.
    return this.#sink.put(bytes === value.bytes ? Buffer.from(bytes) : bytes, value.shape);
  }
}
