import type { Clock } from '@dataflower/common';

/** What the promise resolves to, or undefined when that takes longer than `ms`. */
export function withinMs<T>(promise: Promise<T>, ms: number, clock: Clock): Promise<T | undefined> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, () => resolve(undefined));
    void promise.then((value) => {
      cancel();
      resolve(value);
    });
  });
}
