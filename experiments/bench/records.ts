import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { processListeningOn } from '../platform/listening-process.js';
import { median, quantile } from '../platform/median.js';
import {
  type BenchPlatform,
  benchPlatform,
  PLATFORM_SETTINGS,
  startBenchPlatform,
  withPlatform,
} from './bench-platform.js';
import { createSameChains, PAYLOAD, recordsOf, STEPS } from './chains.js';
import { startChild } from './child.js';
import type { BenchContext } from './context.js';
import { type BenchCouch, benchCouch } from './couchdb.js';
import { type HttpConnection, requestRate } from './http-client.js';
import { metricsNow } from './metrics-text.js';
import { listenForNoise } from './noise.js';
import { openLoop } from './open-loop.js';
import { ContainerPins, coreOf } from './placement.js';
import type { Measured } from './result.js';
import { alternately, inTurns, runRounds } from './rounds.js';
import { targets, withGoal } from './targets.js';

const HOPS_PER_SECOND = 1000;
const DURATION_MS = 10_000;
const PEAK_MS = 1200;
const PEAK_ROUNDS = 3;
const CLIENTS = 32;
const CONTAINERS = '4';
const DRAIN_TIMEOUT_MS = 120_000;
const LOOK_MS = 100;

interface Side {
  readonly platform: BenchPlatform;
  readonly connections: readonly HttpConnection[];
  readonly request: Buffer;
}

/** The destinations of records: CouchDB, files alone, none. */
type Sides = Readonly<Record<'on' | 'files' | 'off', Side>>;

interface Load {
  /** In microseconds. */
  readonly p99: number;
  /** The greatest lag of the replication, in seconds. */
  readonly lag: number;
}

/** Chains of ten at a fixed rate: response times with records in CouchDB beside those with no records at all. */
export async function records({ rounds, say }: BenchContext): Promise<Measured> {
  const couch = benchCouch(`bench-${process.pid}-`);
  const dataDir = mkdtempSync(join(tmpdir(), 'dataflower-off-'));
  const settings = { DATAFLOWER_CONTAINERS_MAX: CONTAINERS };
  const bare = await startChild('records-off.js', [dataDir], coreOf.platform.C, {
    ...PLATFORM_SETTINGS,
    ...settings,
    DATAFLOWER_LOG_LEVEL: 'warn',
  });
  const off = benchPlatform(
    { ...(bare.ready as { url: string; authorization: string }), pid: bare.pid, stop: () => bare.stop() },
    new ContainerPins(() => [bare.pid], coreOf.containers.C),
  );
  try {
    return await withPlatform('C', settings, async (files) => {
      const on = await startBenchPlatform('C', { ...settings, ...couch.settings });
      try {
        const sides = { on: await sideOf(on), files: await sideOf(files), off: await sideOf(off) };
        return await measure(sides, couch, { rounds, say });
      } finally {
        await on.stop();
        await couch.remove();
      }
    });
  } finally {
    await off.stop();
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function sideOf(platform: BenchPlatform): Promise<Side> {
  await createSameChains(platform);
  const connections = await Promise.all(Array.from({ length: CLIENTS }, () => platform.connect()));
  const request = platform.invocation('same', PAYLOAD);
  // A server closes a new connection on which no request follows soon: each sends one.
  const { count } = await requestRate(connections, request, 0);
  platform.expectRecords(count, recordsOf(STEPS));
  return { platform, connections, request };
}

async function measure(
  { on, files, off }: Sides,
  couch: BenchCouch,
  { rounds, say }: Pick<BenchContext, 'rounds' | 'say'>,
): Promise<Measured> {
  const service = processListeningOn(Number(couch.url.port));
  const round = (number: number): Promise<Record<keyof Sides, Load>> =>
    inTurns(number, {
      on: () => underLoad(on, couch),
      files: () => counted(files),
      off: async () => ({ p99: await p99Of(off), lag: 0 }),
    });
  const found = await runRounds(round, {
    ...rounds,
    say,
    settle: () => [on, files, off].map(({ platform }) => platform.pins.pinNew()).some(Boolean),
    // What CouchDB uses for these records is no disturbance by others.
    listen: () => listenForNoise(() => (service === undefined ? [] : [service])),
  });
  say('The highest rate of both');
  const peaks: number[] = [];
  for (let i = 0; i < PEAK_ROUNDS; i++) {
    const [a, b] = await alternately(
      i,
      () => peakOf(on, true),
      () => peakOf(off, false),
    );
    peaks.push(a / b);
    await drained(on.platform);
    await couch.viewsBuilt();
  }
  const kept = await check(on.platform, couch);
  const lag = Math.max(...found.map((one) => one.on.lag));
  const p99 = (side: keyof Sides): number => median(found.map((one) => one[side].p99));
  const ratio = (side: keyof Sides): number => median(found.map((one) => one[side].p99 / one.off.p99));
  return {
    result: {
      ...withGoal(ratio('on'), targets.records.figure),
      unit: targets.records.unit,
      better: targets.records.better,
      baseline: { figure: p99('off'), unit: 'µs' },
      also: {
        lagSeconds: withGoal(lag, targets.records.also.lagSeconds),
        lost: withGoal(kept.lost, targets.records.also.lost),
        twice: withGoal(kept.twice, targets.records.also.twice),
        peak: withGoal(median(peaks), targets.records.also.peak),
        files: withGoal(ratio('files'), targets.records.also.files),
      },
      samples: found.length * ((HOPS_PER_SECOND / STEPS) * (DURATION_MS / 1000)),
    },
    rows: [
      { what: `chains of ten, ${HOPS_PER_SECOND} hops a second, no records: p99`, figure: p99('off'), unit: 'µs' },
      { what: '  the same, records in files alone: p99', figure: p99('files'), unit: 'µs' },
      { what: '  the same, records in CouchDB: p99', figure: p99('on'), unit: 'µs' },
      { what: 'age of the oldest record not in CouchDB', figure: lag, unit: 's' },
      { what: 'records expected in CouchDB', figure: kept.expected, unit: '' },
      { what: 'highest rate of hops, relative to that without records', figure: median(peaks), unit: '×' },
    ],
    notes: [
      'Twice: records of one activation under two ids.',
      'CouchDB shares these cores. "files": the cost of records without it.',
    ],
  };
}

async function p99Of({ connections, request }: Side): Promise<number> {
  return quantile(await openLoop(connections, request, HOPS_PER_SECOND / STEPS, DURATION_MS), 0.99);
}

/** Runs the load and watches the lag; then waits until CouchDB has all records in its views, and does not disturb the next side. */
async function underLoad(side: Side, couch: BenchCouch): Promise<Load> {
  let running = true;
  let lag = 0;
  const watching = (async () => {
    while (running) {
      lag = Math.max(lag, (await waiting(side.platform)).lagSeconds);
      await pause(LOOK_MS);
    }
  })();
  const { p99 } = await counted(side).finally(() => (running = false));
  await watching;
  await drained(side.platform);
  await couch.viewsBuilt();
  return { p99, lag };
}

async function counted(side: Side): Promise<Load> {
  const p99 = await p99Of(side);
  side.platform.expectRecords((HOPS_PER_SECOND / STEPS) * (DURATION_MS / 1000), recordsOf(STEPS));
  return { p99, lag: 0 };
}

async function peakOf({ platform, connections, request }: Side, counted: boolean): Promise<number> {
  const { perSecond, count } = await requestRate(connections, request, PEAK_MS);
  if (counted) platform.expectRecords(count, recordsOf(STEPS));
  return perSecond;
}

async function waiting({ url }: BenchPlatform): Promise<{ records: number; lagSeconds: number }> {
  const text = await metricsNow(url);
  const read = (name: string): number => Number(new RegExp(`^${name} ([\\d.e+-]+)$`, 'm').exec(text)?.[1]);
  return { records: read('dataflower_records_waiting'), lagSeconds: read('dataflower_records_lag_seconds') };
}

async function drained(platform: BenchPlatform): Promise<void> {
  const deadline = performance.now() + DRAIN_TIMEOUT_MS;
  for (let now = await waiting(platform); now.records > 0; now = await waiting(platform)) {
    if (performance.now() > deadline) throw new Error(`${now.records} records are not in CouchDB after two minutes.`);
    await pause(LOOK_MS);
  }
}

/** Compares what is in CouchDB with what was invoked. */
async function check(
  platform: BenchPlatform,
  couch: BenchCouch,
): Promise<{ expected: number; lost: number; twice: number }> {
  const expected = platform.expectedRecords;
  const ids = await couch.recordIds();
  const activations = new Set(ids.map((id) => id.slice(-32)));
  return {
    expected,
    lost: Math.max(0, expected - activations.size),
    twice: ids.length - activations.size + Math.max(0, activations.size - expected),
  };
}
