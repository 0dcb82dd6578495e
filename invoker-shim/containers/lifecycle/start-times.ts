/** The parts of a container's start time, in ms. */
export interface StartPhases {
  /** The driver: until the process exists. */
  readonly driverMs: number;
  /** The process: until its HELLO. */
  readonly bootMs: number;
  /** Loading its code, as far as INIT had to wait for it. */
  readonly loadMs: number;
  /** From INIT to READY. */
  readonly initMs: number;
}

/** The moments of a container's start, by the stopwatch in ms; NaN for one that it has not reached. */
export class StartTimes {
  /** When it was asked for; of a pre-warmed one, when it was assigned. */
  wanted: number;
  running = NaN;
  greeted = NaN;
  told = NaN;
  ready = NaN;

  constructor(readonly now: () => number) {
    this.wanted = now();
  }

  /** Until INIT was sent, in whole ms. */
  get bootMs(): number {
    const { driverMs, bootMs, loadMs } = this.phases;
    return Math.round(driverMs + bootMs + loadMs);
  }

  /** Of one that is ready. A phase that ended before the container was wanted, or out of this order, counts as 0. */
  get phases(): StartPhases {
    let from = this.wanted;
    const since = (at: number): number => {
      const took = Math.max(0, at - from);
      from = Math.max(from, at);
      return Math.round(took * 100) / 100;
    };
    // With Docker a container may greet before the engine reports that it runs.
    const running = Math.min(this.running, this.greeted);
    return {
      driverMs: since(running),
      bootMs: since(this.greeted),
      loadMs: since(this.told),
      initMs: since(this.ready),
    };
  }
}
