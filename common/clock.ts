/**
 * Time as an input. Tests drive it by hand.
 *
 * There are two times. `now` goes on evenly whatever is done to the system's clock: everything that decides on a span, or
 * measures one, uses it. `wall` is what a person reads off the wall: it stands in records and documents, and jumps when the
 * system's clock is set. No span is taken from it (a rule of the linter), and `Date.now` is called here alone.
 */
export interface Clock {
  /** Whole milliseconds, never going back. About the epoch's at the start of the process: no date can be told from it. */
  now(): number;
  /** Whole milliseconds since the epoch, by the system's clock. */
  wall(): number;
  /** Calls back once after `ms`; the returned function cancels it. Does not keep the process alive. */
  after(ms: number, callback: () => void): () => void;
}

/** When something was by `now` that has a date of the wall's: what another process, or an earlier one, has dated. */
export function momentOf(clock: Clock, wallMs: number): number {
  return clock.now() + (wallMs - clock.wall());
}

const { timeOrigin } = performance;

export const systemClock: Clock = {
  now: () => Math.floor(timeOrigin + performance.now()),
  wall: () => Date.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    timer.unref();
    return () => {
      clearTimeout(timer);
    };
  },
};
