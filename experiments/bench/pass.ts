import { median } from '../platform/median.js';
import { type BenchPlatform, createAction, createSequence, withPlatform } from './bench-platform.js';
import { recordsOf } from './chains.js';
import type { BenchContext } from './context.js';
import { inDocker } from './in-docker.js';
import { coreOf, pin, type Placement } from './placement.js';
import { startRawCopier } from './raw.js';
import type { Measured, Row } from './result.js';
import { alternately, runRounds } from './rounds.js';
import { targets, withGoal } from './targets.js';

const BYTES = 64 * 2 ** 20;
/** Of each in a round; the median counts. */
const COPIES = 5;

interface PassRound {
  /** Nanoseconds for the whole value. */
  readonly platform: number;
  readonly raw: number;
}

/** A value of 64 MiB from one function to the next on the same host. */
export function pass(context: BenchContext): Promise<Measured> {
  return context.driver === 'docker' ? passInDocker(context) : passOfProcesses(context);
}

async function passInDocker(context: BenchContext): Promise<Measured> {
  const copier = await startRawCopier(coreOf.platform.C, BYTES);
  try {
    return await inDocker(
      {
        bench: 'pass',
        what: 'function to function',
        unit: 'MiB/s',
        prepare: async (platform) => {
          const passed = await preparePass(platform);
          return async () => bandwidthOf(await repeatedly(passed));
        },
        raw: async () => bandwidthOf(await repeatedly(() => copier.copyNanos())),
      },
      context,
    );
  } finally {
    await copier.stop();
  }
}

async function passOfProcesses({ rounds, say }: BenchContext): Promise<Measured> {
  const found: Record<Placement, PassRound[]> = { C: [], S: [] };
  for (const placement of ['C', 'S'] as const) {
    say(`Placement ${placement}`);
    pin(process.pid, coreOf.client[placement]);
    const copier = await startRawCopier(coreOf.platform[placement], BYTES);
    try {
      found[placement] = await withPlatform(placement, {}, async (platform) => {
        const passed = await preparePass(platform);
        const round = async (number: number): Promise<PassRound> => {
          const [platformNs, raw] = await alternately(
            number,
            () => repeatedly(passed),
            () => repeatedly(() => copier.copyNanos()),
          );
          return { platform: platformNs, raw };
        };
        return runRounds(round, { ...rounds, settle: () => platform.pins.pinNew(), say });
      });
    } finally {
      await copier.stop();
    }
  }
  const ratio = (placement: Placement): number => median(found[placement].map(({ platform, raw }) => raw / platform));
  const bandwidth = (placement: Placement, side: keyof PassRound): number =>
    median(found[placement].map((round) => bandwidthOf(round[side])));
  return {
    result: {
      ...withGoal(ratio('C'), targets.pass.figure),
      unit: targets.pass.unit,
      better: targets.pass.better,
      baseline: { figure: bandwidth('C', 'raw'), unit: 'MiB/s' },
      also: {},
      samples: found.C.length * COPIES,
    },
    rows: (['C', 'S'] as const).flatMap((placement): Row[] => [
      { what: `${placement}: raw copy into one buffer`, figure: bandwidth(placement, 'raw'), unit: 'MiB/s' },
      { what: `${placement}: function to function`, figure: bandwidth(placement, 'platform'), unit: 'MiB/s' },
      { what: `${placement}:   to the raw copy`, figure: ratio(placement), unit: '×' },
    ]),
    notes: [
      'From the moment the producer returns its filled buffer until every page is checked in a private buffer of the consumer.',
      'The raw sender sits on the platform’s core, the raw receiver on the containers’.',
    ],
  };
}

/** The function that it returns passes the value once, and returns the nanoseconds. */
async function preparePass(platform: BenchPlatform): Promise<() => Promise<number>> {
  await Promise.all(['make', 'check'].map((name) => createAction(platform, name)));
  await createSequence(platform, 'pass', ['make', 'check']);
  return async () => {
    const { ns, bytes } = (await platform.invoke('pass', { bytes: BYTES })) as { ns: number; bytes: number };
    if (bytes !== BYTES) throw new Error(`The consumer got ${bytes} bytes of ${BYTES}.`);
    platform.expectRecords(1, recordsOf(2));
    return ns;
  };
}

/** In MiB/s. */
function bandwidthOf(ns: number): number {
  return BYTES / 2 ** 20 / (ns / 1e9);
}

async function repeatedly(measure: () => Promise<number>): Promise<number> {
  const found: number[] = [];
  while (found.length < COPIES) found.push(await measure());
  return median(found);
}
