export interface UntilOptions {
  /** The awaited condition, for the error's message. Default: the text of the function. */
  readonly what?: string;
  /** Default: two minutes, in ms. */
  readonly withinMs?: number;
  /** The state seen instead, for the error's message. */
  readonly seen?: () => unknown;
}

/** Turns of the event loop in which a condition is looked at one after the other, before it is looked at by time. */
const QUICK_LOOKS = 100;
const PAUSE_MS = 2;

/**
 * Calls `look` again and again until it gives something other than `false`, `undefined` and `null`; resolves to that.
 * Rejects when it has not within `withinMs`, or when `look` fails.
 */
export async function until<T>(
  look: () => T | Promise<T>,
  { what = look.toString(), withinMs = 120_000, seen }: UntilOptions = {},
): Promise<Exclude<T, false | undefined | null>> {
  const endsAt = performance.now() + withinMs;
  for (let looks = 1; ; looks++) {
    const found = await look();
    if (found !== false && found !== undefined && found !== null) return found as Exclude<T, false | undefined | null>;
    if (performance.now() >= endsAt) {
      const instead = seen === undefined ? '' : `; there was ${JSON.stringify(seen())}`;
      throw new Error(`Not within ${withinMs} ms: ${what}${instead}`);
    }
    await new Promise((resolve) => {
      if (looks < QUICK_LOOKS) setImmediate(resolve);
      else setTimeout(resolve, PAUSE_MS);
    });
  }
}
