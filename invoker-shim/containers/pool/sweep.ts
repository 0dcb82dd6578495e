import type { Clock } from '@dataflower/common';

/** Interval of the checks, in ms: the precision of time limits. */
const SWEEP_MS = 20;

/** One timer for the regular checks of a pool; it runs only while something is under way. */
export class Sweep {
  #cancel: (() => void) | undefined;

  readonly #clock: Clock;
  /** Checks everything; returns false when nothing is under way. */
  readonly #check: () => boolean;

  constructor(clock: Clock, check: () => boolean) {
    this.#clock = clock;
    this.#check = check;
  }

  start(): void {
    this.#cancel ??= this.#clock.after(SWEEP_MS, this.#tick);
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  readonly #tick = (): void => {
    this.#cancel = undefined;
    if (this.#check()) this.start();
  };
}
