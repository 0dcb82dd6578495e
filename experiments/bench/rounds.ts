import { listenForNoise, MAX_NOISE_CORES } from './noise.js';

/** The machine is too busy with other things for a figure that means something. */
export class Refused extends Error {}

export const WARM_UPS = 2;
export const ROUNDS = 7;
/** So many rounds are run again because containers started; if more still do, that is how the platform runs. */
export const MAX_SETTLING = 4;
/** Number of disturbed rounds after which a bench gives up. */
export const MAX_DISCARDED = 20;

export interface RoundsOptions {
  readonly rounds?: number;
  /** Takes rounds however noisy the machine is; for trying a bench out, not for figures. */
  readonly anyNoise?: boolean;
  /** Called before each round, and after: true says that something changed during it, so it does not count. */
  readonly settle?: () => boolean;
  readonly say?: (text: string) => void;
  readonly listen?: () => () => number;
}

/**
 * Runs warm-up rounds and then rounds that count, and gives what these found. A round in which others used the CPU is
 * discarded and run again; so are a few in which something had to settle. Throws `Refused` after too many disturbed ones.
 */
export async function runRounds<T>(measure: (round: number) => Promise<T>, options: RoundsOptions = {}): Promise<T[]> {
  const { rounds = ROUNDS, anyNoise = false, settle = () => false, say = () => {}, listen = listenForNoise } = options;
  for (let i = 0; i < WARM_UPS; i++) {
    await measure(i);
    settle();
  }
  const found: T[] = [];
  let discarded = 0;
  let settling = 0;
  while (found.length < rounds) {
    settle();
    const noise = listen();
    const result = await measure(found.length);
    const cores = noise();
    const changed = settle();
    if (changed && settling < MAX_SETTLING && !anyNoise) {
      settling++;
      say('A container started during the round; it is run again.');
    } else if (cores > MAX_NOISE_CORES && !anyNoise) {
      discarded++;
      say(`Others used ${cores.toFixed(2)} cores during the round; it is run again.`);
      if (discarded === MAX_DISCARDED) {
        throw new Refused(
          `refused: others disturbed ${discarded} rounds; try again when nothing else runs on this machine.`,
        );
      }
    } else {
      found.push(result);
    }
  }
  return found;
}

/** Runs the platform's part and the baseline's, now this first and now that, so that neither always has the warmer caches. */
export async function alternately<A, B>(
  round: number,
  platform: () => Promise<A>,
  baseline: () => Promise<B>,
): Promise<[A, B]> {
  if (round % 2 === 0) {
    const a = await platform();
    return [a, await baseline()];
  }
  const b = await baseline();
  return [await platform(), b];
}

/** Runs them one after the other, beginning each round with another one, and gives what each found. */
export async function inTurns<K extends string, T>(
  round: number,
  measures: Readonly<Record<K, () => Promise<T>>>,
): Promise<Record<K, T>> {
  const names = Object.keys(measures) as K[];
  const found = {} as Record<K, T>;
  for (let i = 0; i < names.length; i++) {
    const name = names[(round + i) % names.length]!;
    found[name] = await measures[name]();
  }
  return found;
}
