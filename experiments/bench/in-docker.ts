import { median } from '../platform/median.js';
import { type BenchPlatform, withPlatform } from './bench-platform.js';
import { engineProcesses } from './engine-processes.js';
import type { BenchContext } from './context.js';
import { listenForNoise } from './noise.js';
import { coreOf, pin } from './placement.js';
import type { Measured } from './result.js';
import { inTurns, runRounds } from './rounds.js';
import { targets, withGoal } from './targets.js';

/** A bench's measurement on a platform with either driver. */
export interface OnEitherDriver {
  readonly bench: 'hop' | 'throughput' | 'pass';
  /** For people: what a value is, and its unit. */
  readonly what: string;
  readonly unit: string;
  readonly settings?: Readonly<Record<string, string>>;
  /** Makes on a platform what is invoked; what it resolves to measures once. */
  readonly prepare: (platform: BenchPlatform) => Promise<() => Promise<number>>;
  /** Measures the raw baseline once, in the same unit. */
  readonly raw: () => Promise<number>;
}

/** Of one round. */
type Values = Readonly<Record<'docker' | 'process' | 'raw', number>>;

/**
 * A bench with containers of Docker, beside the same with child processes and the raw baseline: all three in each round, in an
 * order that turns. In placement C alone.
 */
export async function inDocker(side: OnEitherDriver, { rounds, say }: BenchContext): Promise<Measured> {
  say('Placement C, Docker beside child processes');
  pin(process.pid, coreOf.client.C);
  const on = <T>(driver: string, work: (platform: BenchPlatform) => Promise<T>): Promise<T> =>
    withPlatform('C', { ...side.settings, DATAFLOWER_CONTAINERS_DRIVER: driver }, work);
  const found = await on('docker', (docker) =>
    on('process', async (own) => {
      const measures = { docker: await side.prepare(docker), process: await side.prepare(own), raw: side.raw };
      const round = (number: number): Promise<Values> => inTurns(number, measures);
      const settle = (): boolean => [docker, own].map(({ pins }) => pins.pinNew()).includes(true);
      return runRounds(round, { ...rounds, settle, listen: () => listenForNoise(engineProcesses), say });
    }),
  );
  return measuredOf(side, found);
}

function measuredOf({ bench, what, unit }: OnEitherDriver, found: readonly Values[]): Measured {
  const { better, figure, unit: ratioUnit, also } = targets[bench];
  const value = (of: keyof Values): number => median(found.map((values) => values[of]));
  const times = ({ docker, process }: Values): number => (better === 'lower' ? docker / process : process / docker);
  return {
    result: {
      ...withGoal(median(found.map(({ docker, raw }) => docker / raw)), figure),
      unit: ratioUnit,
      better,
      baseline: { figure: value('raw'), unit },
      also: { docker: withGoal(median(found.map(times)), also.docker) },
      samples: found.length,
    },
    rows: [
      { what: 'C: raw baseline', figure: value('raw'), unit },
      { what: `C: ${what}, child processes`, figure: value('process'), unit },
      { what: `C: ${what}, Docker`, figure: value('docker'), unit },
    ],
    notes: [
      '"docker" is how many times as much it costs in Docker’s containers as in child processes, median of the rounds.',
    ],
  };
}
