import { Deque } from '@dataflower/common';
import type { Run } from '../runs/run.js';

/** The runs of one function that wait for a container, first in, first out. While a run waits, its input may be written to disk. */
export class WaitingRuns {
  readonly #runs = new Deque<Run>();
  /** Runs in the ring that were not cancelled. */
  #count = 0;

  get count(): number {
    return this.#count;
  }

  pushBack(run: Run): void {
    this.#mark(run, true);
    this.#runs.pushBack(run);
  }

  pushFront(run: Run): void {
    this.#mark(run, true);
    this.#runs.pushFront(run);
  }

  /** A run was cancelled. It stays in the ring, no longer WAITING, until its turn comes. */
  forget(run: Run): void {
    this.#mark(run, false);
    if (this.#count === 0) this.#runs.drain();
  }

  peek(): Run | undefined {
    let first = this.#runs.peekFront();
    while (first !== undefined && first.state !== 'WAITING') {
      this.#runs.popFront();
      first = this.#runs.peekFront();
    }
    return first;
  }

  /** Takes out the first one. */
  next(): Run | undefined {
    const first = this.peek();
    if (first === undefined) return undefined;
    this.#runs.popFront();
    this.#mark(first, false);
    return first;
  }

  /** Takes out all of them. */
  drain(): Run[] {
    const waiting = this.#runs.drain().filter((run) => run.state === 'WAITING');
    for (const run of waiting) this.#mark(run, false);
    return waiting;
  }

  #mark({ request }: Run, waits: boolean): void {
    this.#count += waits ? 1 : -1;
    request.input.setWaiting(waits);
  }
}
