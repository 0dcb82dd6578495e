/** Longest run of a short function, in milliseconds. Results of longer runs are not held. */
const SHORT_MS = 0.5;
/** Short runs in a row after which a function counts as short. */
const SHORT_RUNS = 32;
/** Longest time for which a result is held, in milliseconds. */
const MAX_HELD_MS = 1;

/**
 * Decides whether a result may wait for the next one, to share its write: only when more runs are queued and the recent runs
 * were short. The DLU sends held results when a function blocks after all.
 */
export class WritePacing {
  #shortRuns = 0;
  #heldSince = 0;
  #armed = false;

  readonly #flush: () => void;

  constructor(flush: () => void) {
    this.#flush = flush;
  }

  mayHold(tookMs: number, moreQueued: boolean): boolean {
    this.#shortRuns = tookMs < SHORT_MS ? this.#shortRuns + 1 : 0;
    if (!moreQueued || this.#shortRuns < SHORT_RUNS) return false;
    const now = performance.now();
    if (!this.#armed) {
      this.#armed = true;
      this.#heldSince = now;
      // Runs as soon as the function awaits anything but a settled promise.
      setImmediate(() => {
        this.#armed = false;
        this.#flush();
      });
    }
    if (now - this.#heldSince < MAX_HELD_MS) return true;
    this.#heldSince = now;
    return false;
  }
}
