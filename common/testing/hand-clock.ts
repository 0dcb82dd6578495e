import type { Clock } from '../clock.js';

/** A clock that the test moves; its timers fire while it is moved. The wall's time is far from the other, and can be set. */
export class HandClock implements Clock {
  #now = 1_000_000;
  #wallAhead = 1_700_000_000_000;
  readonly #timers = new Set<{ at: number; callback: () => void }>();

  now(): number {
    return this.#now;
  }

  wall(): number {
    return this.#now + this.#wallAhead;
  }

  /** The system's clock is set: the wall's time jumps, nothing else does. */
  setWall(byMs: number): void {
    this.#wallAhead += byMs;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#now + ms, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  advance(ms: number): void {
    this.#now += ms;
    for (const timer of [...this.#timers]) {
      if (timer.at > this.#now || !this.#timers.delete(timer)) continue;
      timer.callback();
    }
  }

  get timers(): number {
    return this.#timers.size;
  }
}
