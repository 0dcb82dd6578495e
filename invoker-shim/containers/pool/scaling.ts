/** A function's containers are not scaled out for waiting runs that they finish within this time, in ms: a start takes longer. */
const DRAIN_MS = 30;
/** A function up to this time, in ms, uses a core while it runs: more containers than cores only cost. */
const SHORT_FUNCTION_MS = 1;

/** One function, as far as its number of containers depends on it. */
export interface FunctionLoad {
  /** Runs that wait. */
  readonly waiting: number;
  /** Containers that will be ready without more being started. */
  readonly coming: number;
  /** Containers that work on the runs that wait, or soon will. */
  readonly capacity: number;
  /** Expected time of a run, in ms; undefined until the first result. */
  readonly typicalMs: number | undefined;
  /** The shortest time, in ms, that one of its containers has been at its run. */
  leastAgeMs(): number;
}

export interface ScalingLimits {
  /** Containers of one function. */
  readonly maxContainersPerKey: number;
  readonly cores: number;
}

/** Decides how many containers a function gets. Whether there is a place for them is the business of `PlaceScheduler`. */
export class Scaling {
  /** Containers of all functions that start now. */
  starting = 0;

  readonly #limits: ScalingLimits;

  constructor(limits: ScalingLimits) {
    this.#limits = limits;
  }

  /** True when a function has as many containers as it may. @param able Those that are not held in `emit`. */
  isFull(able: number): boolean {
    return able >= this.#limits.maxContainersPerKey;
  }

  /** True when one more container would help the runs that wait: those at hand do not finish them soon. */
  wantsMore(load: FunctionLoad): boolean {
    const { waiting, coming, capacity } = load;
    const { cores } = this.#limits;
    if (waiting <= coming) return false;
    if (capacity === 0) return true;
    const typical = load.typicalMs ?? atLeast(load.leastAgeMs());
    if (typical === undefined) return capacity < cores;
    // Containers that start take the cores from those that work, which then seem too slow.
    if (this.starting >= cores) return false;
    if (typical <= SHORT_FUNCTION_MS && capacity >= cores) return false;
    return (waiting * typical) / capacity >= DRAIN_MS;
  }

  /** True for a function that runs long enough to start a container beside those that work, for an expected run. */
  isLong(typicalMs: number | undefined): boolean {
    return (typicalMs ?? 0) >= DRAIN_MS;
  }

  /** Number of free containers that a function is to have for `count` expected runs: more than one only for a long function. */
  expectedContainers(count: number, typicalMs: number | undefined): number {
    const { cores, maxContainersPerKey } = this.#limits;
    return this.isLong(typicalMs) ? Math.min(count, cores, maxContainersPerKey) : 1;
  }
}

/** Before the first result: a lower bound of the run time, once it is long enough to mean something. */
function atLeast(ageMs: number): number | undefined {
  return ageMs < Infinity && ageMs >= DRAIN_MS ? ageMs : undefined;
}
