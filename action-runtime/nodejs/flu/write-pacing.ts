/** A function that takes longer than this may keep nobody's result waiting, in milliseconds. */
const SHORT_MS = 0.5;
/** Runs in a row that have to be short before a function counts as short. */
const SHORT_RUNS = 32;
/** The oldest held result goes out after this, in milliseconds. */
const MAX_HELD_MS = 1;

/**
 * Decides whether a result may wait for the next one, to go out in the same write. Only where more work is queued and
 * the function has proved short; the DLU sends what is held when a function turns out to block after all.
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
      // Reached as soon as the function waits for anything but a settled promise.
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
