import { ProtocolError } from '@dataflower/action-runtime/protocol';
import { Deque } from '@dataflower/common';
import type { PendingRun } from './run.js';

/**
 * The runs in a container that have not started, in the order in which they were sent, and the question whether it
 * gives them back. They start in that order, but for those that it is just giving back.
 */
export class SentAhead {
  readonly #runs = new Deque<PendingRun>();
  #asked = false;
  /** The last one that has started; none before it may start any more. */
  #lastStarted = 0;

  get length(): number {
    return this.#runs.length;
  }

  /** True from `ask` until the container has answered. */
  get asked(): boolean {
    return this.#asked;
  }

  push(pending: PendingRun): void {
    this.#runs.pushBack(pending);
  }

  has(id: number): boolean {
    for (const pending of this.#runs) if (pending.invocationId === id) return true;
    return false;
  }

  /** True when the container may say now that this one has started. */
  mayStart(id: number): boolean {
    return this.#runs.peekFront()?.invocationId === id || (this.#asked && this.has(id));
  }

  /** Takes out one that has started. */
  start(id: number): PendingRun {
    this.#lastStarted = id;
    const first = this.#runs.popFront()!;
    if (first.invocationId === id) return first;
    // Those before it are on their way back.
    let started = first;
    for (const pending of [first, ...this.#runs.drain()]) {
      if (pending.invocationId === id) started = pending;
      else this.#runs.pushBack(pending);
    }
    return started;
  }

  /** The one that starts when nothing else runs; none while it is not known which ones the container has. */
  startFirst(): PendingRun | undefined {
    const first = this.#asked ? undefined : this.#runs.peekFront();
    return first === undefined ? undefined : this.start(first.invocationId);
  }

  /** The ids to ask the container for; undefined when there is nothing to ask or it was asked. */
  ask(): number[] | undefined {
    if (this.#asked || this.#runs.length === 0) return undefined;
    this.#asked = true;
    return Array.from(this.#runs, (pending) => pending.invocationId);
  }

  /**
   * The container gives these back; returns them in order.
   * @throws ProtocolError, with nothing changed, when it may not.
   */
  giveBack(ids: readonly number[]): PendingRun[] {
    const left = new Set(ids);
    const returned: PendingRun[] = [];
    const kept: PendingRun[] = [];
    for (const pending of this.#runs) (left.delete(pending.invocationId) ? returned : kept).push(pending);
    if (!this.#asked || left.size > 0 || kept.some((pending) => pending.invocationId < this.#lastStarted)) {
      throw new ProtocolError('UNEXPECTED_FRAME', 'WITHDRAWN does not say what the container was asked');
    }
    this.#asked = false;
    this.#runs.drain();
    for (const pending of kept) this.#runs.pushBack(pending);
    return returned;
  }

  drain(): PendingRun[] {
    return this.#runs.drain();
  }
}
