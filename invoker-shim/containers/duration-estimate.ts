/** Weight of a new measurement. */
const WEIGHT = 0.2;
/** Functions up to this mean time, in ms, run several times in the time that starting a message takes: sent ahead deeply. */
const VERY_SHORT_MS = 0.5;
const SHORT_MS = 1;
const DEPTH_VERY_SHORT = 8;
const DEPTH_SHORT = 4;
/** Waiting up to this long behind others, in ms, costs no more than waking another container. */
const WAKE_MS = 0.1;
/** A function that runs longer than this many times its mean holds up what is behind it. */
const SLOW_FACTOR = 8;
const SLOW_LEAST_MS = 20;

/** What is known of how long a function runs, learnt from its results (exponentially weighted), and what follows from it. */
export class DurationEstimate {
  #meanMs: number | undefined;

  /** Undefined until the first result. */
  get meanMs(): number | undefined {
    return this.#meanMs;
  }

  observe(ms: number): void {
    this.#meanMs = this.#meanMs === undefined ? ms : this.#meanMs + WEIGHT * (ms - this.#meanMs);
  }

  /** Runs that a container may have at once, the running one included. One for what is long or not known. */
  get depth(): number {
    const mean = this.#meanMs;
    if (mean === undefined || mean > SHORT_MS) return 1;
    return mean <= VERY_SHORT_MS ? DEPTH_VERY_SHORT : DEPTH_SHORT;
  }

  /** Runs in a container up to which the next one is better sent behind them than to a container that sleeps. */
  get stack(): number {
    const mean = this.#meanMs;
    return mean === undefined || mean > WAKE_MS ? 0 : Math.min(DEPTH_VERY_SHORT - 1, Math.floor(WAKE_MS / mean));
  }

  /** Time, in ms, after which what waits behind a run is given to another container. */
  get slowMs(): number {
    return Math.max(SLOW_LEAST_MS, SLOW_FACTOR * (this.#meanMs ?? 0));
  }
}
