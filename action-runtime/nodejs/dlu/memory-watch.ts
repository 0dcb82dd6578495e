import { MEMORY_WATCHED } from '../bridge/cells.js';

const INTERVAL_MS = 25;
/** Checks without a run after which the watch sleeps. */
const IDLE_CHECKS = 20;

/**
 * Detects that the process holds more memory than the action may. V8 limits the heap, but not Buffers and the like. The watch
 * is active only while runs are in progress.
 */
export class MemoryWatch {
  #timer: NodeJS.Timeout | undefined;
  #idleChecks = 0;
  #limitBytes = Infinity;

  readonly #cells: Int32Array;
  readonly #busy: () => boolean;
  readonly #onExceeded: () => void;

  constructor(cells: Int32Array, busy: () => boolean, onExceeded: () => void) {
    this.#cells = cells;
    this.#busy = busy;
    this.#onExceeded = onExceeded;
  }

  /** Adds the limit to the present resident set, which is the runtime's own. */
  calibrate(memoryMiB: number): void {
    this.#limitBytes = process.memoryUsage.rss() + memoryMiB * 1024 * 1024;
  }

  wake(): void {
    this.#idleChecks = 0;
    if (this.#timer !== undefined) return;
    Atomics.store(this.#cells, MEMORY_WATCHED, 1);
    this.#timer = setInterval(() => this.#check(), INTERVAL_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    Atomics.store(this.#cells, MEMORY_WATCHED, 0);
  }

  #check(): void {
    if (!this.#busy() && ++this.#idleChecks > IDLE_CHECKS) {
      this.stop();
      // A run may have begun before the FLU saw that the watch stopped.
      if (this.#busy()) this.wake();
    } else if (process.memoryUsage.rss() > this.#limitBytes) this.#onExceeded();
  }
}
