import type { Clock } from '@dataflower/common';
import type { Executor } from '../../containers/executor.js';
import type { MeasuredDataSink } from '../../sink/index.js';
import type { Answer, CancelOutcome, CancelRequest, Host, HostStatus, Paradigm, StartMessage } from '../host.js';

/** An engine as the agent uses it. It owns an activation from `start` until nothing of it runs. */
export interface ActivationEngine {
  /** Activations not ended. */
  readonly size: number;
  /** Function instances that have all their inputs and are not handed to the executor yet. */
  readonly waiting: number;
  /** Throws, and takes nothing, for a graph that is known not to be valid. */
  start(message: StartMessage, answer: Answer): void;
  /** The outermost activation that this one is a part of, or itself; undefined when the namespace has no such activation here. */
  topmostOf(activationId: string, namespace: string): Promise<string | undefined>;
  /** Ends an activation with an error; false when it is not here (any more). */
  cancel(activationId: string, reason: string): boolean;
  /** The activation of a namespace (empty: of any) that came last, and how to end it. `received` is by the clock's `now`. */
  youngest(namespace: string): { readonly received: number; end(reason: string): void } | undefined;
  /** Ends every workflow. */
  stopAll(): void;
  /** Resolves when no activation is left. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

/** Called on the path of an activation: quick, and never throws. */
export interface HostAgentEvents {
  /** The agent has accepted an activation and is about to start it. */
  started?(message: StartMessage): void;
  /** An activation was answered with this OpenWhisk status code. */
  answered?(status: number): void;
}

/** The parts of an agent. The agent closes executor, engines and sink; the assembly that made them keeps the rest. */
export interface HostAgentParts {
  /** Name of the host in records. */
  readonly id: string;
  readonly clock: Clock;
  readonly sink: Pick<MeasuredDataSink, 'admit' | 'residentBytes' | 'limitBytes' | 'close'>;
  readonly executor: Pick<Executor, 'status' | 'close'>;
  /** One engine for each paradigm; they share executor and sink. */
  readonly engines: Readonly<Record<Paradigm, ActivationEngine>>;
  /** Prometheus text of what this host counts. */
  readonly metrics: () => Promise<string>;
  readonly events: readonly HostAgentEvents[];
}

/** The agent of one host: runs activations with the parts that an assembly gave it, in a process of its own or in the gateway's. */
export class HostAgent implements Host {
  readonly id: string;
  readonly #parts: HostAgentParts;
  readonly #engines: readonly ActivationEngine[];
  #closing = false;

  constructor(parts: HostAgentParts) {
    this.id = parts.id;
    this.#parts = parts;
    this.#engines = Object.values(parts.engines);
  }

  start(message: StartMessage, answer: Answer): string {
    if (this.#closing) throw new Error('the host is stopping and takes no more work');
    const { sink, engines, events } = this.#parts;
    sink.admit(message.identity.namespace);
    for (const listener of events) listener.started?.(message);
    engines[message.paradigm].start(message, (record, result) => {
      for (const listener of events) listener.answered?.(record.status);
      answer(record, result);
    });
    return this.id;
  }

  async cancel({ activationId, namespace, reason }: CancelRequest): Promise<CancelOutcome> {
    for (const engine of this.#engines) {
      const topmost = await engine.topmostOf(activationId, namespace);
      if (topmost === undefined) continue;
      if (topmost !== activationId) return { outcome: 'part', of: topmost };
      if (engine.cancel(activationId, reason)) return { outcome: 'stopping' };
    }
    return { outcome: 'unknown' };
  }

  /** Ends the activation of a namespace (empty: of any) that came last: memory and disk have no room for its values. */
  endYoungest(namespace: string, reason: string): void {
    const youngest = this.#engines
      .map((engine) => engine.youngest(namespace))
      .reduce((one, other) => (one === undefined || (other && other.received > one.received) ? other : one));
    youngest?.end(reason);
  }

  status(): Promise<HostStatus> {
    return Promise.resolve(this.currentStatus());
  }

  currentStatus(): HostStatus {
    const { sink } = this.#parts;
    const executor = this.#parts.executor.status();
    const sum = (of: (engine: ActivationEngine) => number): number =>
      this.#engines.reduce((total, engine) => total + of(engine), 0);
    return {
      activations: sum(({ size }) => size),
      queued: executor.queued + sum(({ waiting }) => waiting),
      executor,
      sink: { residentBytes: sink.residentBytes, limitBytes: sink.limitBytes },
    };
  }

  metrics(): Promise<string> {
    return this.#parts.metrics();
  }

  async close(drainMs: number): Promise<void> {
    this.#closing = true;
    const { executor, sink } = this.#parts;
    await this.#drained(drainMs);
    await executor.close(0);
    // A workflow that runs nothing in containers might go on for ever.
    for (const engine of this.#engines) engine.stopAll();
    await this.#idle();
    await Promise.all(this.#engines.map((engine) => engine.close()));
    await sink.close();
  }

  /** Resolves when every accepted activation has ended, or after `drainMs`. */
  async #drained(drainMs: number): Promise<void> {
    let stopWaiting = (): void => undefined;
    const over = new Promise<void>((resolve) => {
      stopWaiting = this.#parts.clock.after(drainMs, resolve);
    });
    await Promise.race([this.#idle(), over]);
    stopWaiting();
  }

  async #idle(): Promise<void> {
    await Promise.all(this.#engines.map((engine) => engine.idle()));
  }
}
