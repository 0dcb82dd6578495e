import { type Clock, systemClock } from '../../clock.js';

/** The system's time, with every pause a hundred times shorter. */
export const quickClock: Clock = {
  now: () => systemClock.now(),
  wall: () => systemClock.wall(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms / 100);
    return () => {
      clearTimeout(timer);
    };
  },
};

/** Resolves once the condition holds; rejects when it does not within `withinMs`. */
export async function until(condition: () => boolean | Promise<boolean>, withinMs = 120_000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
