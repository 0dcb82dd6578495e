import { setTimeout as pause } from 'node:timers/promises';

const LOOK_MS = 5;

/**
 * Looks again and again until something is there, and gives it. Rejects when it is not within `withinMs`, saying what
 * was waited for and, by `seen`, what there was instead.
 */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  { withinMs = 120_000, seen }: { withinMs?: number; seen?: () => unknown } = {},
): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() >= deadline) {
      const instead = seen === undefined ? '' : `; there was ${JSON.stringify(seen())}`;
      throw new Error(`Not within ${withinMs} ms: ${what}${instead}`);
    }
    await pause(LOOK_MS);
  }
}

/** The promise's outcome, or an error that says what did not come in time. */
export async function within<T>(what: string, withinMs: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Not within ${withinMs} ms: ${what}`)), withinMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
