import type { Clock } from '@dataflower/common';

/** Most output of one container that is read in a second; a container that writes more waits for the next second. */
const READ_BYTES = 8 * 1024 * 1024;
const READ_LINES = 50_000;
const WINDOW_MS = 1000;

/**
 * Bounds the cost of one container's stdout and stderr for others: a container that writes without end is held back by its
 * pipes, as with a slow terminal. No output is lost here. One timer, only while the container writes.
 */
export class OutputPace {
  #bytes = 0;
  #lines = 0;
  #paused = false;
  #ended = false;
  #cancelWindow: (() => void) | undefined;

  readonly #clock: Clock;
  /** Pauses or resumes reading the container's output. */
  readonly #setPaused: (paused: boolean) => void;

  constructor(clock: Clock, setPaused: (paused: boolean) => void) {
    this.#clock = clock;
    this.#setPaused = setPaused;
  }

  /** Counts bytes that were read, before their lines are emitted. */
  read(bytes: number): void {
    if (this.#ended) return;
    this.#cancelWindow ??= this.#clock.after(WINDOW_MS, () => this.#nextWindow());
    this.#bytes += bytes;
    this.#check();
  }

  line(): void {
    if (this.#ended) return;
    this.#lines++;
    this.#check();
  }

  /** The container writes no more: the rest in the pipes is read at once. */
  end(): void {
    this.#ended = true;
    this.#cancelWindow?.();
    this.#nextWindow();
  }

  #check(): void {
    if (this.#paused || (this.#bytes <= READ_BYTES && this.#lines <= READ_LINES)) return;
    this.#paused = true;
    this.#setPaused(true);
  }

  #nextWindow(): void {
    this.#cancelWindow = undefined;
    this.#bytes = this.#lines = 0;
    if (!this.#paused) return;
    this.#paused = false;
    this.#setPaused(false);
  }
}
