import { ProtocolError } from '@dataflower/action-runtime/protocol';
import { Deque } from '@dataflower/common';
import type { Run } from './run.js';

/**
 * The runs in a container that have not started, in the order in which they were sent, and whether WITHDRAW has asked for
 * them. They start in that order, except for those that the container is giving back.
 */
export class SentAhead {
  readonly #runs = new Deque<Run>();
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

  push(run: Run): void {
    this.#runs.pushBack(run);
  }

  has(id: number): boolean {
    for (const run of this.#runs) if (run.invocationId === id) return true;
    return false;
  }

  /** True when the container may say now that this one has started. */
  mayStart(id: number): boolean {
    return this.#runs.peekFront()?.invocationId === id || (this.#asked && this.has(id));
  }

  /** Takes out one that has started. */
  start(id: number): Run {
    this.#lastStarted = id;
    const first = this.#runs.popFront()!;
    if (first.invocationId === id) return first;
    // Those before it are on their way back.
    let started = first;
    for (const run of [first, ...this.#runs.drain()]) {
      if (run.invocationId === id) started = run;
      else this.#runs.pushBack(run);
    }
    return started;
  }

  /** Takes out the one that starts when nothing else runs; none while WITHDRAW is not answered. */
  startFirst(): Run | undefined {
    const first = this.#asked ? undefined : this.#runs.peekFront();
    return first === undefined ? undefined : this.start(first.invocationId);
  }

  /** The ids to ask the container for; undefined when there is nothing to ask or it was asked. */
  ask(): number[] | undefined {
    if (this.#asked || this.#runs.length === 0) return undefined;
    this.#asked = true;
    return Array.from(this.#runs, (run) => run.invocationId);
  }

  /**
   * The container gives these back; returns them in order.
   * @throws ProtocolError, with nothing changed, when it may not.
   */
  giveBack(ids: readonly number[]): Run[] {
    const left = new Set(ids);
    const returned: Run[] = [];
    const kept: Run[] = [];
    for (const run of this.#runs) (left.delete(run.invocationId) ? returned : kept).push(run);
    if (!this.#asked || left.size > 0 || kept.some((run) => run.invocationId < this.#lastStarted)) {
      throw new ProtocolError('UNEXPECTED_FRAME', 'WITHDRAWN does not answer the WITHDRAW that was sent');
    }
    this.#asked = false;
    this.#runs.drain();
    for (const run of kept) this.#runs.pushBack(run);
    return returned;
  }

  drain(): Run[] {
    return this.#runs.drain();
  }
}
