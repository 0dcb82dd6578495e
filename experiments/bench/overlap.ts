import { median } from '../platform/median.js';
import { type BenchPlatform, createAction, createGraph, withPlatform } from './bench-platform.js';
import type { BenchContext } from './context.js';
import { call, type HttpConnection } from './http-client.js';
import { coreOf, normalPriority, pin, type Placement } from './placement.js';
import { type RawPeer, startRawPeer } from './raw.js';
import type { Measured, Row } from './result.js';
import { runRounds } from './rounds.js';
import { targets, withGoal } from './targets.js';

const LARGE_BYTES = 4 * 2 ** 20;
/** How long the producer burns the CPU after each `emit`, in milliseconds. */
const BURN_MS = 40;
/** Values that one invocation emits, and invocations of each sort a round. */
const EMITS = 5;
const INVOCATIONS = 6;
const RAW = 200;
/** How long a burner burns for one invocation, in milliseconds; another follows at once. */
const BURNER_MS = 500;

type Sort = 'small' | 'large' | 'idle';
const payloads: Record<Sort, object> = {
  small: { samples: EMITS, ms: BURN_MS, idle: false },
  large: { samples: EMITS, ms: BURN_MS, idle: false, bytes: LARGE_BYTES },
  idle: { samples: EMITS, ms: BURN_MS, idle: true },
};

/** Milliseconds from `emit` to the consumer's start, every sample, and the raw round trip under the same load. */
type OverlapRound = Record<Sort, number[]> & { readonly raw: number };

/** How long after `emit` the consumer starts while the producer, and every core, is busy. */
export async function overlap({ rounds, say }: BenchContext): Promise<Measured> {
  const found: Record<Placement, OverlapRound[]> = { C: [], S: [] };
  for (const placement of ['C', 'S'] as const) {
    say(`Placement ${placement}`);
    pin(process.pid, coreOf.client[placement]);
    const raw = await startRawPeer(coreOf.platform[placement]);
    try {
      found[placement] = await withPlatform(placement, {}, (platform) =>
        measure(placement, platform, raw, rounds, say),
      );
    } finally {
      await raw.stop();
    }
  }
  const all = (placement: Placement, sort: Sort): number[] => found[placement].flatMap((round) => round[sort]);
  const raw = (placement: Placement): number => median(found[placement].map((round) => round.raw));
  const { figure, also, unit, better } = targets.overlap;
  return {
    result: {
      ...withGoal(median(all('C', 'small')), figure),
      unit,
      better,
      baseline: { figure: raw('C'), unit: 'ms' },
      also: {
        large: withGoal(median(all('C', 'large')), also.large),
        idle: withGoal(median(all('C', 'idle')), also.idle),
      },
      samples: all('C', 'small').length,
    },
    rows: (['C', 'S'] as const).flatMap((placement): Row[] => [
      { what: `${placement}: raw round trip under the same load`, figure: raw(placement), unit: 'ms' },
      { what: `${placement}: small value`, figure: median(all(placement, 'small')), unit: 'ms' },
      { what: `${placement}: 4 MiB`, figure: median(all(placement, 'large')), unit: 'ms' },
      { what: `${placement}: small value, producer idle`, figure: median(all(placement, 'idle')), unit: 'ms' },
    ]),
    notes: [
      'From `emit` to the first line of the consumer, with a function that burns CPU at normal priority on every core in use.',
      'The time of 4 MiB begins at `emit` too: the whole value has arrived in the consumer.',
    ],
  };
}

async function measure(
  placement: Placement,
  platform: BenchPlatform,
  raw: RawPeer,
  options: BenchContext['rounds'],
  say: BenchContext['say'],
): Promise<OverlapRound[]> {
  await Promise.all(['producer', 'consumer', 'list'].map((name) => createAction(platform, name)));
  await createGraph(platform, 'overlap', overlapGraph);
  const cores = [...new Set([coreOf.platform[placement], coreOf.containers[placement]])];
  const burners = await Promise.all(cores.map((core) => createBurner(platform, core)));
  const connection = await platform.connect();
  return runRounds(
    async () => {
      const stops = burners.map((burner) => burner.start());
      try {
        const small = await samples(platform, connection, 'small');
        const large = await samples(platform, connection, 'large');
        const idle = await samples(platform, connection, 'idle');
        return { small, large, idle, raw: (await raw.roundTripMicros(RAW)) / 1000 };
      } finally {
        await Promise.all(stops.map((stop) => stop()));
      }
    },
    { ...options, settle: () => platform.pins.pinNew(), say },
  );
}

const overlapGraph = {
  version: 1,
  nodes: [
    { id: 'producer', kind: 'action', action: '/_/producer', inputs: { in: 'NORMAL' }, outputs: { value: 'FOREACH' } },
    { id: 'consumer', kind: 'action', action: '/_/consumer', inputs: { in: 'NORMAL' }, outputs: { out: 'MERGE' } },
    { id: 'list', kind: 'action', action: '/_/list', inputs: { in: 'LIST' }, outputs: {} },
  ],
  edges: [
    { from: '$USER.params', to: 'producer.in' },
    { from: 'producer.value', to: 'consumer.in' },
    { from: 'consumer.out', to: 'list.in' },
    { from: 'list.out', to: '$USER.result' },
  ],
};

async function samples(platform: BenchPlatform, connection: HttpConnection, sort: Sort): Promise<number[]> {
  const request = platform.invocation('overlap', payloads[sort]);
  const found: number[] = [];
  for (let i = 0; i < INVOCATIONS; i++) {
    const { items } = JSON.parse(await call(connection, request)) as { items: { ns: number; bytes: number }[] };
    const bytes = sort === 'large' ? LARGE_BYTES : 0;
    if (items.length !== EMITS || items.some((item) => item.bytes !== bytes)) throw new Error('Values were lost.');
    found.push(...items.map(({ ns }) => ns / 1e6));
    platform.expectRecords(1, EMITS + 3);
  }
  return found;
}

/** A function that burns one core at normal priority as long as it is told to. */
async function createBurner(platform: BenchPlatform, core: number): Promise<{ start(): () => Promise<void> }> {
  const name = `burn-${core}`;
  await createAction(platform, 'burn', name);
  const connection = await platform.connect();
  const burn = async (ms: number): Promise<number> => {
    const reply = JSON.parse(await call(connection, platform.invocation(name, { ms }))) as { pid: number };
    platform.expectRecords(1, 1);
    return reply.pid;
  };
  const pid = await burn(1);
  platform.pins.except(pid);
  pin(pid, core);
  return {
    start() {
      // The platform may have lowered the priority of the function; it must not matter to the others.
      normalPriority(pid);
      let stopped = false;
      const run = async (): Promise<void> => {
        while (!stopped) if ((await burn(BURNER_MS)) !== pid) throw new Error(`${name} runs in another container now.`);
      };
      const running = run();
      return () => {
        stopped = true;
        return running;
      };
    },
  };
}
