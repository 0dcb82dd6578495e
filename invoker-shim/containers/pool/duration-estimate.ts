/**
 * Weights of a measurement above the estimate and below it. A measurement contains waits that are not the function's (cold
 * code, a core that others use). They would ask for more containers, which make them longer; so short times count more.
 */
const WEIGHT_UP = 0.05;
const WEIGHT_DOWN = 0.5;
/** Functions up to this time, in ms, run several times in the time of one message: many runs are sent ahead. */
const VERY_SHORT_MS = 0.5;
const SHORT_MS = 1;
const DEPTH_VERY_SHORT = 8;
const DEPTH_SHORT = 4;
/** Waiting up to this long behind others, in ms, costs no more than waking another container. */
const WAKE_MS = 0.1;
/** A function is slow when it runs longer than this many times its estimate. */
const SLOW_FACTOR = 8;
const SLOW_LEAST_MS = 50;

/** Estimates the run time of a function from its results, and derives how many runs are sent ahead. */
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

  /** Runs that a container may have at once, the running one included. One for a long or unknown time. */
  get depth(): number {
    const typical = this.#typicalMs;
    if (typical === undefined || typical > SHORT_MS) return 1;
    return typical <= VERY_SHORT_MS ? DEPTH_VERY_SHORT : DEPTH_SHORT;
  }

  /** Number of runs in a busy container up to which the next one is sent behind them rather than to an idle container. */
  get stack(): number {
    const typical = this.#typicalMs;
    return typical === undefined || typical > WAKE_MS
      ? 0
      : Math.min(DEPTH_VERY_SHORT - 1, Math.floor(WAKE_MS / typical));
  }

  /** Time of a run, in ms, after which the runs behind it go to another container. */
  get slowMs(): number {
    return Math.max(SLOW_LEAST_MS, SLOW_FACTOR * (this.#typicalMs ?? 0));
  }
}
