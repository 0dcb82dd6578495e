import { MEMORY_WATCHED } from '../bridge/cells.js';

const INTERVAL_MS = 25;
/** Looks without work after which the watch sleeps. */
const IDLE_LOOKS = 20;

/**
 * Ends a function whose process holds more memory than the action may: the heap has a limit of its own, Buffers and
 * the like have not. It looks only while there is work.
 */
export class MemoryWatch {
  #timer: NodeJS.Timeout | undefined;
  #idleLooks = 0;
  #limitBytes = Infinity;

  readonly #cells: Int32Array;
  readonly #busy: () => boolean;
  readonly #onExceeded: () => void;

  constructor(cells: Int32Array, busy: () => boolean, onExceeded: () => void) {
    this.#cells = cells;
    this.#busy = busy;
    this.#onExceeded = onExceeded;
  }

  /** What is resident now is the runtime's own. */
  calibrate(memoryMiB: number): void {
    this.#limitBytes = process.memoryUsage.rss() + memoryMiB * 1024 * 1024;
  }

  wake(): void {
    this.#idleLooks = 0;
    if (this.#timer !== undefined) return;
    Atomics.store(this.#cells, MEMORY_WATCHED, 1);
    this.#timer = setInterval(() => this.#look(), INTERVAL_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    Atomics.store(this.#cells, MEMORY_WATCHED, 0);
  }

  #look(): void {
    if (!this.#busy() && ++this.#idleLooks > IDLE_LOOKS) {
      this.stop();
      // What began in between has not asked to be watched.
      if (this.#busy()) this.wake();
    } else if (process.memoryUsage.rss() > this.#limitBytes) this.#onExceeded();
  }
}
