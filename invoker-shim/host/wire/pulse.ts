import type { Clock } from '@dataflower/common';

/** Longest time between two messages of one side, in ms. */
export const BEAT_MS = 1000;
const TICKS = 2;

export interface PulseEvents {
  /** A beat is to be sent. */
  readonly beat: () => void;
  /** Returns whether anything was received since the last call. */
  readonly heard: () => boolean;
  /** Nothing was received for this number of beats (in steps of a half). */
  readonly silent: (beats: number) => void;
}

/**
 * Beats, and counts silence. Silence is counted in own ticks, not by the clock: a process that was itself stopped for a
 * while must read what has arrived meanwhile before it takes its peers for dead.
 */
export class Pulse {
  #ticks = 0;
  #silentTicks = 0;
  #stop: () => void;

  readonly #clock: Clock;
  readonly #events: PulseEvents;

  constructor(clock: Clock, events: PulseEvents) {
    this.#clock = clock;
    this.#events = events;

    this.#stop = this.#later();
  }

  close(): void {
    this.#stop();
  }

  #later(): () => void {
    return this.#clock.after(BEAT_MS / TICKS, () => {
      this.#stop = this.#later();
      if (++this.#ticks % TICKS === 0) this.#events.beat();
      if (this.#events.heard()) {
        this.#silentTicks = 0;
        return;
      }
      this.#events.silent(++this.#silentTicks / TICKS);
    });
  }
}
