import type { ContainerSpec, Executor, ExecutorStatus, FunctionRun, RunEnd } from '../containers/executor.js';
import { bytesOf } from '../sink/bytes-of.js';
import type { DataSink, Value } from '../sink/value.js';

/**
 * The control-flow paradigm's way to the containers: as OpenWhisk's controller does it, every value crosses the gateway.
 * Inputs are copied from the gateway to the host, outputs and results back, in whole. Containers, bounds and time
 * limits are the host's own. An engine with `holdOutputs` on top of it starts a node when its predecessors have ended.
 */
export class GatewayExecutor implements Executor {
  readonly #crossings = new Map<FunctionRun, Crossing>();

  constructor(
    private readonly executor: Executor,
    private readonly sink: DataSink,
  ) {}

  execute(run: FunctionRun): void {
    const crossing = new Crossing(run, this.sink, () => this.#crossings.delete(run));
    this.#crossings.set(run, crossing);
    crossing.enter(this.executor);
  }

  cancel(run: FunctionRun, reason: string): void {
    const crossing = this.#crossings.get(run);
    if (crossing?.entered === true) this.executor.cancel(crossing, reason);
    else crossing?.giveUp();
  }

  withdraw(run: FunctionRun): void {
    const crossing = this.#crossings.get(run);
    if (crossing?.entered === true) this.executor.withdraw(crossing);
    else crossing?.giveUp();
  }

  /** OpenWhisk's controller knows no next node. */
  warm(): void {
    // Nothing to do, by definition of the paradigm.
  }

  status(): ExecutorStatus {
    return this.executor.status();
  }

  /** The host that owns the containers closes them. */
  async close(): Promise<void> {
    await Promise.resolve();
  }
}

/** One run on its way over the border between gateway and host, and back. */
class Crossing implements FunctionRun {
  entered = false;
  #input: Value | undefined;
  #givenUp = false;
  /** Outputs on their way back; the run ends when they have crossed. */
  #emitted: Promise<unknown> | undefined;

  constructor(
    private readonly run: FunctionRun,
    private readonly sink: DataSink,
    private readonly done: () => void,
  ) {}

  get spec(): ContainerSpec {
    return this.run.spec;
  }
  get activationId(): string {
    return this.run.activationId;
  }
  get transactionId(): string {
    return this.run.transactionId;
  }
  get definition(): FunctionRun['definition'] {
    return this.run.definition;
  }
  get env(): string | null {
    return this.run.env;
  }
  get input(): Value {
    return this.#input ?? this.run.input;
  }

  enter(executor: Executor): void {
    const go = (input: Value): void => {
      if (this.#givenUp) {
        input.release();
        this.dropped();
        return;
      }
      this.#input = input;
      this.entered = true;
      executor.execute(this);
    };
    const crossed = this.#cross(this.run.input);
    if (crossed instanceof Promise) void crossed.then(go);
    else go(crossed);
  }

  giveUp(): void {
    this.#givenUp = true;
  }

  started(at: number): void {
    this.run.started(at);
  }

  emitted(port: string, value: Value): boolean {
    const pending = this.#emitted;
    const crossed = pending === undefined ? this.#cross(value) : pending.then(() => this.#cross(value));
    if (!(crossed instanceof Promise)) {
      value.release();
      return this.run.emitted(port, crossed);
    }
    // A value in a file takes its time; later ones wait for it, so that they keep their order.
    this.#emitted = crossed.then((copy) => {
      value.release();
      this.run.emitted(port, copy);
    });
    return true;
  }

  ended(end: RunEnd): void {
    const finish = (value: Value): void => {
      if (value !== end.value) end.value.release();
      this.#input?.release();
      this.done();
      this.run.ended({ ...end, value });
    };
    const crossed =
      this.#emitted === undefined ? this.#cross(end.value) : this.#emitted.then(() => this.#cross(end.value));
    if (crossed instanceof Promise) void crossed.then(finish);
    else finish(crossed);
  }

  dropped(): void {
    this.#input?.release();
    this.done();
    this.run.dropped();
  }

  /** A copy in the memory of the other side. A file that cannot be read crosses as `{error}`. */
  #cross(value: Value): Value | Promise<Value> {
    const bytes = bytesOf(value);
    const put = (read: Buffer): Value => this.sink.put(Buffer.from(read), value.shape);
    if (Buffer.isBuffer(bytes)) return put(bytes);
    return bytes.then(put, (error: unknown) =>
      this.sink.put(
        Buffer.from(`\0${JSON.stringify({ error: `A value could not be read: ${String(error)}` })}`),
        value.shape,
      ),
    );
  }
}
