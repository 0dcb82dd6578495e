import { ChurnMap } from '@dataflower/common';
import type { Executor, RunEnd } from '../../containers/executor.js';
import type { Answer, FunctionTarget, StartMessage } from '../../host/host.js';
import type { DataSink } from '../../sink/value.js';
import { FunctionInstance, type InstanceOwner } from '../activation/run.js';
import type { Ledger } from '../records/ledger.js';
import { errorValue } from '../operators/operators.js';
import { payloadValue } from '../values/payload.js';

/** Functions invoked by themselves: one run, one record, one answer. */
export class Invocations implements InstanceOwner {
  readonly #invocations = new ChurnMap<
    string,
    { readonly instance: FunctionInstance; readonly message: StartMessage; readonly answer: Answer }
  >();

  readonly #sink: DataSink;
  readonly #executor: Executor;
  readonly #ledger: Ledger;
  /** One has ended. */
  readonly #ended: () => void;

  constructor(
    sink: DataSink,
    executor: Executor,
    ledger: Ledger,
    readonly now: () => number,
    ended: () => void,
  ) {
    this.#sink = sink;
    this.#executor = executor;
    this.#ledger = ledger;
    this.#ended = ended;
  }

  /** It has no port but `out`. */
  readonly instanceLimit = 0;

  get size(): number {
    return this.#invocations.size;
  }

  start(message: StartMessage, target: FunctionTarget, answer: Answer): void {
    const { activationId, transactionId, receivedAt, received } = message;
    const input = payloadValue(this.#sink.forNamespace(message.identity.namespace), message.payload, false);
    const instance = new FunctionInstance(
      this,
      target,
      activationId,
      transactionId,
      input,
      null,
      undefined,
      received,
      receivedAt - received,
      message.traceparent,
    );
    this.#invocations.set(activationId, { instance, message, answer });
    this.#executor.execute(instance);
  }

  has(activationId: string, namespace: string): boolean {
    return this.#invocations.get(activationId)?.message.identity.namespace === namespace;
  }

  /** The one of a namespace (empty: of any) that came last; undefined when there is none. */
  youngest(namespace: string): { received: number; end: (reason: string) => void } | undefined {
    let found: StartMessage | undefined;
    for (const { instance, message } of this.#invocations.values()) {
      if (instance.cancelReason !== undefined) continue;
      if (namespace === '' || message.identity.namespace === namespace) found = message;
    }
    if (found === undefined) return undefined;
    const { activationId, received } = found;
    return { received, end: (reason) => void this.cancel(activationId, reason) };
  }

  /** False when it is not here (any more). */
  cancel(activationId: string, reason: string): boolean {
    const invocation = this.#invocations.get(activationId);
    if (invocation === undefined) return false;
    invocation.instance.cancelReason ??= reason;
    this.#executor.cancel(invocation.instance, reason);
    return true;
  }

  instanceEmitted(): void {
    throw new Error('a function by itself has no port to emit by');
  }

  instanceOverLimit(): void {
    throw new Error('a function by itself has no port to emit by');
  }

  instanceEnded(instance: FunctionInstance, end: RunEnd): void {
    const { message, answer } = this.#invocations.get(instance.activationId)!;
    instance.input.release();
    instance.bytesOut += end.value.size;
    this.#ledger.functionEnded(instance, message.identity, end, (record, result) => {
      this.#ledger.written(() => answer(record, result));
      this.#invocations.delete(instance.activationId);
      message.ended?.();
      this.#ended();
    });
  }

  instanceDropped(instance: FunctionInstance): void {
    const at = this.now();
    const value = errorValue(this.#sink, instance.cancelReason ?? NEVER_STARTED);
    this.instanceEnded(instance, {
      status: instance.cancelReason === undefined ? 3 : 2,
      value,
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
}

/** The executor took a run back and nobody had asked for it. */
export const NEVER_STARTED = 'The action was taken back before it started: the host is stopping.';
