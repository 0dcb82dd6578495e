/** Where the time of a container's start goes, in ms. */
export interface StartPhases {
  /** The driver: until there is a process. */
  readonly driverMs: number;
  /** The process: until it has greeted. */
  readonly bootMs: number;
  /** Until it was told what to run, where the code was not there by then. */
  readonly loadMs: number;
  /** Until the code was loaded in it. */
  readonly initMs: number;
}

/** When a container got how far, by the stopwatch in ms; what it has not reached is not a number. */
export class StartTimes {
  /** It was asked for; of a pre-warmed one, when it was told what to run. */
  wanted: number;
  running = NaN;
  greeted = NaN;
  told = NaN;
  ready = NaN;

  constructor(readonly now: () => number) {
    this.wanted = now();
  }

  /** Until it was told what to run, in whole ms. */
  get bootMs(): number {
    const { driverMs, bootMs, loadMs } = this.phases;
    return Math.round(driverMs + bootMs + loadMs);
  }

  /** Of one that is ready. What came before it was wanted, or out of this order, took no time. */
  get phases(): StartPhases {
    let from = this.wanted;
    const since = (at: number): number => {
      const took = Math.max(0, at - from);
      from = Math.max(from, at);
      return Math.round(took * 100) / 100;
    };
    // With Docker a container may greet before the engine has said that it runs.
    const running = Math.min(this.running, this.greeted);
    return {
      driverMs: since(running),
      bootMs: since(this.greeted),
      loadMs: since(this.told),
      initMs: since(this.ready),
    };
  }
}
