/** Measures the mean time of a container's runs, reading the stopwatch once for all the results of one read. */
export class WorkMeter {
  /** By the stopwatch: since when the container has been at its present work. */
  #since = 0;
  #results = 0;
  #from = 0;
  #at = 0;

  readonly #stopwatch: () => number;

  constructor(stopwatch: () => number) {
    this.#stopwatch = stopwatch;
  }

  /** The container was idle and has work now. */
  begin(): void {
    this.#since = this.#stopwatch();
  }

  /** A result came. */
  result(): void {
    if (this.#results++ === 0) {
      this.#at = this.#stopwatch();
      this.#from = this.#since;
    }
    this.#since = this.#at;
  }

  /** Milliseconds since the present work began. */
  age(now: number): number {
    return now - this.#since;
  }

  /** The mean of the results since the last call, in ms; undefined when there was none. */
  take(): number | undefined {
    if (this.#results === 0) return undefined;
    const mean = (this.#at - this.#from) / this.#results;
    this.#results = 0;
    return mean;
  }
}
