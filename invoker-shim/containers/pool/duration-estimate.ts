/**
 * Weights of a measurement above the estimate and below it. What a run takes beyond its own time (cold code, a core that
 * others use) is measured with it and would ask for more containers, which make it worse; so short times count for more.
 */
const WEIGHT_UP = 0.05;
const WEIGHT_DOWN = 0.5;
/** Functions up to this time, in ms, run several times in the time that starting a message takes: sent ahead deeply. */
const VERY_SHORT_MS = 0.5;
const SHORT_MS = 1;
const DEPTH_VERY_SHORT = 8;
const DEPTH_SHORT = 4;
/** Waiting up to this long behind others, in ms, costs no more than waking another container. */
const WAKE_MS = 0.1;
/** A function that runs longer than this many times its estimate holds up what is behind it. */
const SLOW_FACTOR = 8;
const SLOW_LEAST_MS = 50;

/** What is known of how long a function runs, learnt from its results, and what follows from it. */
export class DurationEstimate {
  #typicalMs: number | undefined;

  /** Undefined until the first result. */
  get typicalMs(): number | undefined {
    return this.#typicalMs;
  }

  observe(ms: number): void {
    const before = this.#typicalMs;
    if (before === undefined) this.#typicalMs = ms;
    else this.#typicalMs = before + (ms > before ? WEIGHT_UP : WEIGHT_DOWN) * (ms - before);
  }

  /** Runs that a container may have at once, the running one included. One for what is long or not known. */
  get depth(): number {
    const typical = this.#typicalMs;
    if (typical === undefined || typical > SHORT_MS) return 1;
    return typical <= VERY_SHORT_MS ? DEPTH_VERY_SHORT : DEPTH_SHORT;
  }

  /** Runs in a container up to which the next one is better sent behind them than to a container that sleeps. */
  get stack(): number {
    const typical = this.#typicalMs;
    return typical === undefined || typical > WAKE_MS
      ? 0
      : Math.min(DEPTH_VERY_SHORT - 1, Math.floor(WAKE_MS / typical));
  }

  /** Time, in ms, after which what waits behind a run is given to another container. */
  get slowMs(): number {
    return Math.max(SLOW_LEAST_MS, SLOW_FACTOR * (this.#typicalMs ?? 0));
  }
}
