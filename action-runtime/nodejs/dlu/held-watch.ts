import { HELD_BYTES, HELD_EPOCH } from '../bridge/cells.js';

const INTERVAL_MS = 2;

/** Sends the results that the FLU holds back when the function that should bring the next one turns out to be slow. */
export class HeldWatch {
  #timer: NodeJS.Timeout | undefined;
  #seenEpoch = 0;
  #quietLooks = 0;

  constructor(
    private readonly cells: Int32Array,
    private readonly flush: () => void,
  ) {}

  /** Called when a run is posted behind another: only then can the FLU hold a result. */
  wake(): void {
    this.#quietLooks = 0;
    if (this.#timer === undefined) this.#timer = setInterval(() => this.#look(), INTERVAL_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const epoch = Atomics.load(this.cells, HELD_EPOCH);
    if (Atomics.load(this.cells, HELD_BYTES) === 0) {
      if (++this.#quietLooks > 10) this.stop();
    } else if (epoch === this.#seenEpoch) {
      this.flush();
    }
    this.#seenEpoch = epoch;
  }
}
