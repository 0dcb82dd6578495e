import { median, quantile } from '../platform/median.js';
import { type BenchPlatform, withPlatform } from './bench-platform.js';
import { createDifferentChain, createSameChains, PAYLOAD, recordsOf, STEPS } from './chains.js';
import type { BenchContext } from './context.js';
import { hopParts } from './hop-parts.js';
import { type HttpConnection, responseTimes } from './http-client.js';
import { inDocker } from './in-docker.js';
import { coreOf, pin, type Placement } from './placement.js';
import { type RawPeer, startRawPeer } from './raw.js';
import type { Measured, Row } from './result.js';
import { alternately, runRounds } from './rounds.js';
import { targets, withGoal } from './targets.js';

/** Invocations of each chain a round, in blocks that take turns. */
const BLOCKS = 8;
const BLOCK = 40;
const RAW = 4000;

interface HopRound {
  /** Medians, in microseconds. */
  readonly one: number;
  readonly sameHop: number;
  readonly differentHop: number;
  readonly raw: number;
}

/** The cost of one more step of a chain: (median of a chain of ten − median of a chain of one) / 9. */
export function hop(context: BenchContext): Promise<Measured> {
  return context.driver === 'docker' ? hopInDocker(context) : hopOfProcesses(context);
}

async function hopInDocker(context: BenchContext): Promise<Measured> {
  const raw = await startRawPeer(coreOf.platform.C);
  try {
    const prepare = async (platform: BenchPlatform): Promise<() => Promise<number>> => {
      await createSameChains(platform);
      const connection = await platform.connect();
      return async () => {
        const { one, same } = await chainTimes(platform, connection, ['one', 'same']);
        return (same - one) / (STEPS - 1);
      };
    };
    const what = 'hop, ten times one action';
    return await inDocker({ bench: 'hop', what, unit: 'µs', prepare, raw: () => raw.roundTripMicros(RAW) }, context);
  } finally {
    await raw.stop();
  }
}

async function hopOfProcesses({ rounds, say }: BenchContext): Promise<Measured> {
  const found: Record<Placement, HopRound[]> = { C: [], S: [] };
  for (const placement of ['C', 'S'] as const) {
    say(`Placement ${placement}`);
    pin(process.pid, coreOf.client[placement]);
    const raw = await startRawPeer(coreOf.platform[placement]);
    try {
      found[placement] = await withPlatform(placement, {}, async (platform) => {
        await createSameChains(platform);
        await createDifferentChain(platform);
        const connection = await platform.connect();
        const settle = (): boolean => platform.pins.pinNew();
        return runRounds((round) => hopRound(round, platform, connection, raw), { ...rounds, settle, say });
      });
    } finally {
      await raw.stop();
    }
  }
  const { also } = targets.hop;
  const ratio = (placement: Placement, of: 'sameHop' | 'differentHop'): number =>
    median(found[placement].map((round) => round[of] / round.raw));
  const micros = (placement: Placement, of: keyof HopRound): number =>
    median(found[placement].map((round) => round[of]));
  const parts = await hopParts(micros('C', 'raw'), micros('C', 'one'), micros('C', 'sameHop'));
  return {
    result: {
      ...withGoal(ratio('C', 'sameHop'), targets.hop.figure),
      unit: targets.hop.unit,
      better: targets.hop.better,
      baseline: { figure: micros('C', 'raw'), unit: 'µs' },
      also: {
        same: withGoal(ratio('S', 'sameHop'), also.same),
        different: withGoal(ratio('C', 'differentHop'), also.different),
        differentSame: withGoal(ratio('S', 'differentHop'), also.differentSame),
      },
      samples: found.C.length * BLOCKS * BLOCK * 2,
    },
    rows: [
      ...(['C', 'S'] as const).flatMap((placement): Row[] => [
        { what: `${placement}: raw round trip of 200 bytes`, figure: micros(placement, 'raw'), unit: 'µs' },
        { what: `${placement}: chain of one, as invoked`, figure: micros(placement, 'one'), unit: 'µs' },
        { what: `${placement}: hop, ten times one action`, figure: micros(placement, 'sameHop'), unit: 'µs' },
        { what: `${placement}: hop, ten different actions`, figure: micros(placement, 'differentHop'), unit: 'µs' },
      ]),
      ...parts,
    ],
    notes: [
      'The parts are measured each by itself, outside the platform, on the containers’ core; they overlap, so they do not add up to the hop.',
    ],
  };
}

type Chain = 'one' | 'same' | 'different';

/** Median response times, in microseconds. */
async function chainTimes<C extends Chain>(
  platform: BenchPlatform,
  connection: HttpConnection,
  chains: readonly C[],
): Promise<Record<C, number>> {
  const times = new Map<C, number[]>(chains.map((chain) => [chain, []]));
  for (let block = 0; block < BLOCKS; block++) {
    for (const chain of chains) {
      const request = platform.invocation(chain, PAYLOAD);
      // The first of a block meets the caches of the chain before it.
      await responseTimes(connection, request, 2);
      times.get(chain)!.push(...(await responseTimes(connection, request, BLOCK)));
      platform.expectRecords(BLOCK + 2, recordsOf(chain === 'one' ? 1 : STEPS));
    }
  }
  const medians = chains.map((chain) => [chain, quantile(times.get(chain)!, 0.5)]);
  return Object.fromEntries(medians) as Record<C, number>;
}

async function hopRound(
  round: number,
  platform: BenchPlatform,
  connection: HttpConnection,
  raw: RawPeer,
): Promise<HopRound> {
  const [{ one, same, different }, rawMicros] = await alternately(
    round,
    () => chainTimes(platform, connection, ['one', 'same', 'different']),
    () => raw.roundTripMicros(RAW),
  );
  return {
    one,
    sameHop: (same - one) / (STEPS - 1),
    differentHop: (different - one) / (STEPS - 1),
    raw: rawMicros,
  };
}
