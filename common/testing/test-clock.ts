import type { Clock } from '../clock.js';

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

/** A clock that stands still until a test moves it; its stopwatch goes with it. The wall's time is far from `now`, and can be set. */
export class TestClock implements Clock {
  #now = 2_000_000;
  #wallAhead: number;
  readonly #timers = new Set<Timer>();

  /** `wall`: the wall's time at the start, in milliseconds since the epoch. */
  constructor(wall = 1_700_000_000_000) {
    this.#wallAhead = wall - this.#now;
  }

  /** Timers that are set. */
  get timers(): number {
    return this.#timers.size;
  }

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

  readonly stopwatch = (): number => this.#now - 1_000_000;

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#now + ms, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Moves the time on, timer by timer. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      let next: Timer | undefined;
      for (const timer of this.#timers) if (timer.at <= end && (next === undefined || timer.at < next.at)) next = timer;
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
    }
    this.#now = end;
  }

  /** The process was stopped for `ms`: the timers that have come due meanwhile fire late, each once. */
  standStill(ms: number): void {
    this.#now += ms;
    for (const timer of [...this.#timers]) {
      if (timer.at > this.#now || !this.#timers.delete(timer)) continue;
      timer.callback();
    }
  }
}
