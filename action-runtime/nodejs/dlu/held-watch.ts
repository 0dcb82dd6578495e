import { HELD_BYTES, HELD_EPOCH, HELD_WATCHED } from '../bridge/cells.js';

const INTERVAL_MS = 2;
/** Checks without a held result after which the watch sleeps. */
const QUIET_CHECKS = 10;

/** Sends held results when the next result, with which they were to be sent, takes too long. */
export class HeldWatch {
  #timer: NodeJS.Timeout | undefined;
  #seenEpoch = 0;
  #quietChecks = 0;

  readonly #cells: Int32Array;
  readonly #flush: () => void;

  constructor(cells: Int32Array, flush: () => void) {
    this.#cells = cells;
    this.#flush = flush;
  }

  /** Starts the watch. Called when a run is posted behind another, or a result is held. */
  wake(): void {
    this.#quietChecks = 0;
    if (this.#timer !== undefined) return;
    Atomics.store(this.#cells, HELD_WATCHED, 1);
    this.#timer = setInterval(() => this.#check(), INTERVAL_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    Atomics.store(this.#cells, HELD_WATCHED, 0);
  }

  #check(): void {
    const epoch = Atomics.load(this.#cells, HELD_EPOCH);
    const old = epoch === this.#seenEpoch;
    this.#seenEpoch = epoch;
    if (Atomics.load(this.#cells, HELD_BYTES) === 0) {
      if (++this.#quietChecks <= QUIET_CHECKS) return;
      this.stop();
      // The FLU may have held a result before it saw that the watch stopped.
      if (Atomics.load(this.#cells, HELD_BYTES) > 0) this.wake();
    } else if (old) {
      this.#flush();
    }
  }
}
