import type { Clock } from '@dataflower/common';

/** How often is looked at what is under way, in ms: the precision of time limits. */
const SWEEP_MS = 20;

/** One timer for everything that has to be looked at now and then; it runs only while there is something. */
export class Sweep {
  #cancel: (() => void) | undefined;

  readonly #clock: Clock;
  /** Looks at everything; returns false when nothing is left to look at. */
  readonly #look: () => boolean;

  constructor(clock: Clock, look: () => boolean) {
    this.#clock = clock;
    this.#look = look;
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
    if (this.#look()) this.start();
  };
}
