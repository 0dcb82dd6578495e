import { median } from '../platform/median.js';
import { residentBytes } from '../platform/process-tree.js';
import { type BenchPlatform, createAction, createGraph, withPlatform } from './bench-platform.js';
import type { BenchContext } from './context.js';
import { call, type HttpConnection } from './http-client.js';
import { coreOf, pin, type Placement } from './placement.js';
import { type RawPeer, startRawPeer } from './raw.js';
import type { Measured, Row } from './result.js';
import { runRounds } from './rounds.js';
import { targets, withGoal } from './targets.js';

const IN_FLIGHT = 32;
const RAW_MS = 500;
const MEMORY_EVERY_MS = 20;

/** Sizes, and how often each is run in a round: the median of the times counts. */
const sizes = [
  { n: 1, runs: 20 },
  { n: 100, runs: 20 },
  { n: 10_000, runs: 3 },
  { n: 100_000, runs: 1 },
] as const;
type Size = (typeof sizes)[number]['n'];

interface FanoutRound {
  /** Response time by size, in microseconds. */
  readonly times: Readonly<Record<Size, number>>;
  /** Growth of the platform's memory while it ran the largest, in bytes. */
  readonly grown: number;
  /** Microseconds a raw message. */
  readonly raw: number;
}

/** The cost of one more item of a scatter: (T(n) − T(1)) / (n − 1), for n of 100, 10 000 and 100 000. */
export async function fanout({ rounds, say }: BenchContext): Promise<Measured> {
  const found: Record<Placement, FanoutRound[]> = { C: [], S: [] };
  for (const placement of ['C', 'S'] as const) {
    say(`Placement ${placement}`);
    pin(process.pid, coreOf.client[placement]);
    const raw = await startRawPeer(coreOf.platform[placement]);
    try {
      // Everything on one core says little more here: the largest size is left out, so that the bench ends in time.
      const largest = placement === 'C' ? 100_000 : 10_000;
      found[placement] = await withPlatform(placement, settings, async (platform) => {
        await Promise.all(['scatter', 'noop', 'gather'].map((name) => createAction(platform, name)));
        await createGraph(platform, 'fanout', fanoutGraph);
        const connection = await platform.connect();
        const round = (): Promise<FanoutRound> => fanoutRound(platform, connection, raw, largest);
        return runRounds(round, { ...rounds, settle: () => platform.pins.pinNew(), say });
      });
    } finally {
      await raw.stop();
    }
  }
  const marginal = ({ times }: FanoutRound, n: Size): number => (times[n] - times[1]) / (n - 1);
  const each = (placement: Placement, n: Size): number => median(found[placement].map((round) => marginal(round, n)));
  const ratio = (placement: Placement, n: Size): number =>
    median(found[placement].map((round) => marginal(round, n) / marginal(round, 100)));
  const raw = (placement: Placement): number => median(found[placement].map((round) => round.raw));
  const bytesPerItem = median(found.C.map(({ grown }) => grown / 100_000));
  const { figure, also, unit, better } = targets.fanout;
  const row = (placement: Placement, n: Size): Row => ({
    what: `${placement}: an item of ${n.toLocaleString('en-US')}`,
    figure: each(placement, n),
    unit: 'µs',
  });
  return {
    result: {
      ...withGoal(ratio('C', 10_000), figure),
      unit,
      better,
      baseline: { figure: raw('C'), unit: 'µs a raw message, 32 in flight' },
      also: {
        at100000: withGoal(ratio('C', 100_000), also.at100000),
        bytesPerItem: withGoal(bytesPerItem, also.bytesPerItem),
      },
      samples: found.C.length * 3,
    },
    rows: [
      { what: 'C: raw message, 32 in flight', figure: raw('C'), unit: 'µs' },
      row('C', 100),
      row('C', 10_000),
      row('C', 100_000),
      { what: 'C: memory an item, of 100,000', figure: bytesPerItem, unit: 'bytes' },
      { what: 'S: raw message, 32 in flight', figure: raw('S'), unit: 'µs' },
      row('S', 100),
      row('S', 10_000),
      { what: 'S:   an item of 10,000 to one of 100', figure: ratio('S', 10_000), unit: '×' },
    ],
    notes: [
      'Memory is the growth of the platform’s resident set at its peak during the run; what it has kept from before is not in it.',
    ],
  };
}

const settings = {
  DATAFLOWER_CONTAINERS_MAX: '6',
} as const;

const fanoutGraph = {
  version: 1,
  nodes: [
    { id: 'scatter', kind: 'action', action: '/_/scatter', inputs: { in: 'NORMAL' }, outputs: { item: 'FOREACH' } },
    { id: 'noop', kind: 'action', action: '/_/noop', inputs: { in: 'NORMAL' }, outputs: { out: 'MERGE' } },
    { id: 'gather', kind: 'action', action: '/_/gather', inputs: { in: 'LIST' }, outputs: {} },
  ],
  edges: [
    { from: '$USER.params', to: 'scatter.in' },
    { from: 'scatter.item', to: 'noop.in' },
    { from: 'noop.out', to: 'gather.in' },
    { from: 'gather.out', to: '$USER.result' },
  ],
};

async function fanoutRound(
  platform: BenchPlatform,
  connection: HttpConnection,
  raw: RawPeer,
  largest: Size,
): Promise<FanoutRound> {
  const times: Record<Size, number> = { 1: Number.NaN, 100: Number.NaN, 10_000: Number.NaN, 100_000: Number.NaN };
  let grown = 0;
  for (const { n, runs } of sizes.filter((size) => size.n <= largest)) {
    const request = platform.invocation('fanout', { n });
    const found: number[] = [];
    const memory = n === largest ? watchMemory(platform.pid) : undefined;
    for (let run = 0; run < runs; run++) {
      const sent = performance.now();
      const reply = JSON.parse(await call(connection, request)) as { n: number };
      found.push((performance.now() - sent) * 1000);
      if (reply.n !== n) throw new Error(`Of ${n} items ${reply.n} came back.`);
      platform.expectRecords(1, n + 3);
    }
    times[n] = median(found);
    grown = memory?.() ?? 0;
  }
  return { times, grown, raw: 1e6 / (await raw.roundTripsPerSecond(IN_FLIGHT, RAW_MS)) };
}

/** Watches the memory of a process; the function that it gives stops and tells by how many bytes it grew at most. */
function watchMemory(pid: number): () => number {
  const resident = (): number => residentBytes(pid) ?? Number.NaN;
  const before = resident();
  let peak = before;
  const timer = setInterval(() => (peak = Math.max(peak, residentBytes(pid) ?? 0)), MEMORY_EVERY_MS);
  return () => {
    clearInterval(timer);
    return Math.max(peak, resident()) - before;
  };
}
