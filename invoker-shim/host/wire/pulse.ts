import type { Clock } from '@dataflower/common';

/** Each side says something at least so often, in ms. */
export const BEAT_MS = 1000;
const TICKS = 2;

export interface PulseOptions {
  /** Time to say something. */
  readonly beat: () => void;
  /** Whether anything was heard since it was asked last. */
  readonly heard: () => boolean;
  /** Nothing was heard for so many beats (in steps of a half). */
  readonly silent: (beats: number) => void;
}

/**
 * Beats, and counts silence. It is counted in own ticks, not by the clock: a process that was itself stopped for a while
 * must hear what has come meanwhile before it takes the others for dead.
 */
export class Pulse {
  #ticks = 0;
  #silentTicks = 0;
  #stop: () => void;

  readonly #clock: Clock;
  readonly #options: PulseOptions;

  constructor(clock: Clock, options: PulseOptions) {
    this.#clock = clock;
    this.#options = options;

    this.#stop = this.#later();
  }

  close(): void {
    this.#stop();
  }

  #later(): () => void {
    return this.#clock.after(BEAT_MS / TICKS, () => {
      this.#stop = this.#later();
      if (++this.#ticks % TICKS === 0) this.#options.beat();
      if (this.#options.heard()) {
        this.#silentTicks = 0;
        return;
      }
      this.#options.silent(++this.#silentTicks / TICKS);
    });
  }
}
