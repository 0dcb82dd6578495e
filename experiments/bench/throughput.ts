import { median } from '../platform/median.js';
import { type BenchPlatform, withPlatform } from './bench-platform.js';
import { createDifferentChain, createSameChains, PAYLOAD, recordsOf, STEPS } from './chains.js';
import type { BenchContext } from './context.js';
import { type HttpConnection, requestRate } from './http-client.js';
import { inDocker } from './in-docker.js';
import { coreOf, pin, type Placement } from './placement.js';
import { type RawPeer, startRawPeer } from './raw.js';
import type { Measured, Row } from './result.js';
import { alternately, runRounds } from './rounds.js';
import { targets, withGoal } from './targets.js';

const CLIENTS = 32;
const DURATION_MS = 1200;
const RAW_MS = 800;

/** Most containers: four for the chain of one action; a chain of ten different actions cannot do with fewer than ten. */
const containers = { same: '4', different: '10' } as const;
type Chain = keyof typeof containers;

interface Rate {
  readonly hops: number;
  readonly raw: number;
  readonly count: number;
}

/** Hops a second of chains of ten no-ops with 32 clients. */
export function throughput(context: BenchContext): Promise<Measured> {
  return context.driver === 'docker' ? throughputInDocker(context) : throughputOfProcesses(context);
}

async function throughputInDocker(context: BenchContext): Promise<Measured> {
  const raw = await startRawPeer(coreOf.platform.C);
  try {
    const prepare = async (platform: BenchPlatform): Promise<() => Promise<number>> => {
      await createSameChains(platform);
      const connections = await Promise.all(Array.from({ length: CLIENTS }, () => platform.connect()));
      return async () => (await chainRate(platform, 'same', connections)).hops;
    };
    return await inDocker(
      {
        bench: 'throughput',
        what: 'hops, one action',
        unit: 'a second',
        settings: { DATAFLOWER_CONTAINERS_MAX: containers.same },
        prepare,
        raw: () => raw.roundTripsPerSecond(CLIENTS, RAW_MS),
      },
      context,
    );
  } finally {
    await raw.stop();
  }
}

async function throughputOfProcesses({ rounds, say }: BenchContext): Promise<Measured> {
  const found = new Map<string, Rate[]>();
  for (const placement of ['C', 'S'] as const) {
    pin(process.pid, coreOf.client[placement]);
    const raw = await startRawPeer(coreOf.platform[placement]);
    try {
      for (const chain of ['same', 'different'] as const) {
        say(`Placement ${placement}, ${chain === 'same' ? 'one action' : 'ten different actions'}`);
        const settings = { DATAFLOWER_CONTAINERS_MAX: containers[chain] };
        const measured = await withPlatform(placement, settings, async (platform) => {
          await (chain === 'same' ? createSameChains(platform) : createDifferentChain(platform));
          const connections = await Promise.all(Array.from({ length: CLIENTS }, () => platform.connect()));
          const settle = (): boolean => platform.pins.pinNew();
          const measure = (round: number): Promise<Rate> => rateRound(round, platform, chain, connections, raw);
          return runRounds(measure, { ...rounds, settle, say });
        });
        found.set(placement + chain, measured);
      }
    } finally {
      await raw.stop();
    }
  }
  const of = (placement: Placement, chain: Chain): Rate[] => found.get(placement + chain)!;
  const ratio = (placement: Placement, chain: Chain): number =>
    median(of(placement, chain).map(({ hops, raw }) => hops / raw));
  const row = (placement: Placement, chain: Chain): Row[] => [
    {
      what: `${placement}: hops, ${chain === 'same' ? 'one action' : 'ten different actions'}`,
      figure: median(of(placement, chain).map(({ hops }) => hops)),
      unit: 'a second',
    },
    { what: `${placement}:   to the raw round trips`, figure: ratio(placement, chain), unit: '×' },
  ];
  const rawRate = (placement: Placement): number => median(of(placement, 'same').map(({ raw }) => raw));
  return {
    result: {
      ...withGoal(ratio('C', 'same'), targets.throughput.figure),
      unit: targets.throughput.unit,
      better: targets.throughput.better,
      baseline: { figure: rawRate('C'), unit: 'round trips a second' },
      also: { different: withGoal(ratio('C', 'different'), targets.throughput.also.different) },
      samples: of('C', 'same').reduce((sum, { count }) => sum + count, 0),
    },
    rows: (['C', 'S'] as const).flatMap((placement) => [
      { what: `${placement}: raw round trips, 32 in flight`, figure: rawRate(placement), unit: 'a second' },
      ...row(placement, 'same'),
      ...row(placement, 'different'),
    ]),
    notes: ['At most four containers for the one action; ten different actions have one container each.'],
  };
}

async function chainRate(
  platform: BenchPlatform,
  chain: Chain,
  connections: readonly HttpConnection[],
): Promise<Pick<Rate, 'hops' | 'count'>> {
  const { perSecond, count } = await requestRate(connections, platform.invocation(chain, PAYLOAD), DURATION_MS);
  platform.expectRecords(count, recordsOf(STEPS));
  return { hops: perSecond * STEPS, count };
}

async function rateRound(
  round: number,
  platform: BenchPlatform,
  chain: Chain,
  connections: readonly HttpConnection[],
  raw: RawPeer,
): Promise<Rate> {
  const [rate, rawRate] = await alternately(
    round,
    () => chainRate(platform, chain, connections),
    () => raw.roundTripsPerSecond(CLIENTS, RAW_MS),
  );
  return { ...rate, raw: rawRate };
}
