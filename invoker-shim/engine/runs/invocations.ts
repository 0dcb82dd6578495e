import { type ActivationId, ChurnMap, activationIdOf } from '@dataflower/common';
import type { Executor, RunEnd } from '../../containers/executor.js';
import type { Answer, FunctionTarget, Identity, StartMessage } from '../../host/host.js';
import type { DataSink, Value } from '../../sink/value.js';
import { Run } from '../activation/run.js';
import type { Ledger } from '../records/ledger.js';
import { errorValue } from '../values/json-value.js';
import { payloadValue } from '../values/inputs.js';

/** Error of a run that the executor took back and that was not cancelled. */
export const NEVER_STARTED = 'The action was taken back before it started: the host is stopping.';

/** Events of an invocation, for the engine. */
interface InvocationEvents {
  ended(invocation: Invocation, end: RunEnd): void;
  dropped(invocation: Invocation): void;
}

/** The run of a function that was invoked by itself. */
class Invocation extends Run {
  readonly firing = undefined;
  /** It has no port but `out`. */
  readonly definition = undefined;
  readonly env = null;
  cancelReason: string | undefined;

  readonly #events: InvocationEvents;

  constructor(
    events: InvocationEvents,
    readonly message: StartMessage,
    readonly answer: Answer,
    target: FunctionTarget,
    input: Value,
  ) {
    super(target, activationIdOf(message.activationId), input, message.received);
    this.#events = events;
  }

  get transactionId(): string {
    return this.message.transactionId;
  }

  get identity(): Identity {
    return this.message.identity;
  }

  get wallAhead(): number {
    return this.message.receivedAt - this.message.received;
  }

  get trace(): string {
    return this.message.traceparent ?? this.activationId;
  }

  get isCancelled(): boolean {
    return this.cancelReason !== undefined;
  }

  emitted(_port: string, value: Value): boolean {
    value.release();
    return false;
  }

  ended(end: RunEnd): void {
    this.#events.ended(this, end);
  }

  dropped(): void {
    this.#events.dropped(this);
  }
}

/** Functions invoked by themselves: one run, one record, one answer. */
export class Invocations implements InvocationEvents {
  readonly #invocations = new ChurnMap<ActivationId, Invocation>();

  readonly #sink: DataSink;
  readonly #executor: Executor;
  readonly #ledger: Ledger;
  readonly #now: () => number;
  /** Called when an invocation has ended. */
  readonly #onEnded: () => void;

  constructor(sink: DataSink, executor: Executor, ledger: Ledger, now: () => number, onEnded: () => void) {
    this.#sink = sink;
    this.#executor = executor;
    this.#ledger = ledger;
    this.#now = now;
    this.#onEnded = onEnded;
  }

  get size(): number {
    return this.#invocations.size;
  }

  start(message: StartMessage, target: FunctionTarget, answer: Answer): void {
    const input = payloadValue(this.#sink.forNamespace(message.identity.namespace), message.payload, false);
    const invocation = new Invocation(this, message, answer, target, input);
    this.#invocations.set(invocation.activationId, invocation);
    this.#executor.execute(invocation);
  }

  has(activationId: ActivationId, namespace: string): boolean {
    return this.#invocations.get(activationId)?.identity.namespace === namespace;
  }

  /** The invocation of a namespace (empty: of any) that came last; undefined when there is none. */
  youngest(namespace: string): { received: number; end: (reason: string) => void } | undefined {
    let found: Invocation | undefined;
    for (const invocation of this.#invocations.values()) {
      if (invocation.isCancelled) continue;
      if (namespace === '' || invocation.identity.namespace === namespace) found = invocation;
    }
    if (found === undefined) return undefined;
    const { activationId, received } = found;
    return { received, end: (reason) => void this.cancel(activationId, reason) };
  }

  /** False when the activation is not here (any more). */
  cancel(activationId: ActivationId, reason: string): boolean {
    const invocation = this.#invocations.get(activationId);
    if (invocation === undefined) return false;
    invocation.cancelReason ??= reason;
    this.#executor.cancel(invocation, reason);
    return true;
  }

  ended(invocation: Invocation, end: RunEnd): void {
    const { activationId, message, answer } = invocation;
    invocation.input.release();
    invocation.bytesOut += end.value.size;
    this.#ledger.runEnded(invocation, end, (record, result) => {
      this.#ledger.written(() => answer(record, result));
      this.#invocations.delete(activationId);
      message.ended?.();
      this.#onEnded();
    });
  }

  dropped(invocation: Invocation): void {
    const at = this.#now();
    this.ended(invocation, {
      status: invocation.isCancelled ? 2 : 3,
      value: errorValue(this.#sink, invocation.cancelReason ?? NEVER_STARTED),
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
