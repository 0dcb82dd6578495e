import type { Driver } from './arguments.js';
import type { RoundsOptions } from './rounds.js';

/** The input of every bench. */
export interface BenchContext {
  /** How the rounds are run; a bench adds what has to settle. */
  readonly rounds: Pick<RoundsOptions, 'anyNoise' | 'rounds'>;
  readonly driver: Driver;
  /** Tells on standard error what goes on. */
  readonly say: (text: string) => void;
}
