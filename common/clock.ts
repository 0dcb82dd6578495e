/**
 * Time as an input, so that tests can move it.
 *
 * There are two times. `now` is monotonic: everything that measures a span, or decides by one, uses it. `wall` is the date:
 * it is written into records and documents, and jumps when the system's clock is set. No span is taken from it (a rule of
 * the linter), and `Date.now` is called here alone.
 */
export interface Clock {
  /** Whole milliseconds; never goes back. About the time since the epoch when the process starts, but no date. */
  now(): number;
  /** Whole milliseconds since the epoch, by the system's clock. */
  wall(): number;
  /** Calls back once after `ms`; the returned function cancels that. Does not keep the process alive. */
  after(ms: number, callback: () => void): () => void;
}

/** The time by `now` for a time by `wall`, such as a date that another process, or an earlier one, has written. */
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
