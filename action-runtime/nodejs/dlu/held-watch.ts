import { HELD_BYTES, HELD_EPOCH, HELD_WATCHED } from '../bridge/cells.js';

const INTERVAL_MS = 2;

/** Sends the results that the FLU holds back when the function that should bring the next one turns out to be slow. */
export class HeldWatch {
  #timer: NodeJS.Timeout | undefined;
  #seenEpoch = 0;
  #quietLooks = 0;

  readonly #cells: Int32Array;
  readonly #flush: () => void;

  constructor(cells: Int32Array, flush: () => void) {
    this.#cells = cells;
    this.#flush = flush;
  }

  /** Called when a run is posted behind another, or a result is held: only then can the FLU hold one. */
  wake(): void {
    this.#quietLooks = 0;
    if (this.#timer !== undefined) return;
    Atomics.store(this.#cells, HELD_WATCHED, 1);
    this.#timer = setInterval(() => this.#look(), INTERVAL_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    Atomics.store(this.#cells, HELD_WATCHED, 0);
  }

  #look(): void {
    const epoch = Atomics.load(this.#cells, HELD_EPOCH);
    const old = epoch === this.#seenEpoch;
    this.#seenEpoch = epoch;
    if (Atomics.load(this.#cells, HELD_BYTES) === 0) {
      if (++this.#quietLooks <= 10) return;
      this.stop();
      // What was held back in between has not asked to be watched.
      if (Atomics.load(this.#cells, HELD_BYTES) > 0) this.wake();
    } else if (old) {
      this.#flush();
    }
  }
}
