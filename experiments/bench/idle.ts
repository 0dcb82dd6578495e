import { setTimeout as pause } from 'node:timers/promises';
import { cpuSeconds } from '../platform/cpu-time.js';
import { median } from '../platform/median.js';
import { descendants, residentBytes } from '../platform/process-tree.js';
import { type BenchPlatform, createAction, startBenchPlatform } from './bench-platform.js';
import { PAYLOAD } from './chains.js';
import { startChild } from './child.js';
import { containerShims, engineProcesses } from './engine-processes.js';
import type { BenchContext } from './context.js';
import type { Measured, Row } from './result.js';
import { runRounds } from './rounds.js';
import { targets, withGoal } from './targets.js';

const CONTAINERS = 10;
const WINDOW_MS = 10_000;
/** Windows that count: 30 s in all. Two more before them let the processes come to rest. */
const WINDOWS = 3;
const MIB = 2 ** 20;
const PERCENT = 100;

/** The watched processes by kind. Those of the engine serve others too and are no part of the figure. */
interface Watched {
  readonly platform: readonly number[];
  readonly containers: readonly number[];
  readonly engine: readonly number[];
  readonly baseline: readonly number[];
}

/** CPU in percent of one core over one window. */
type Used = Record<keyof Watched, number>;

/** The CPU of a platform with ten warm containers and no requests. */
export async function idle({ rounds, driver, say }: BenchContext): Promise<Measured> {
  const newShims = containerShims();
  const bare = await startChild('idle-node.js', [], 0);
  try {
    const platform = await startBenchPlatform(undefined, {
      DATAFLOWER_CONTAINERS_DRIVER: driver,
      DATAFLOWER_CONTAINERS_MAX: String(CONTAINERS),
    });
    try {
      await warm(platform);
      const shims = newShims();
      const watched: Watched = {
        platform: [platform.pid],
        containers: [platform.pid, ...shims].flatMap((pid) => descendants(pid)),
        engine: driver === 'docker' ? engineProcesses() : [],
        baseline: [bare.pid],
      };
      if (watched.containers.length < CONTAINERS)
        throw new Error(`There should be ${CONTAINERS} containers and there are ${watched.containers.length}.`);
      say(
        `${watched.containers.length} processes in ${CONTAINERS} containers are at rest; ${WINDOWS} windows of ${WINDOW_MS / 1000} s`,
      );
      const found = await runRounds(() => use(watched), { ...rounds, rounds: WINDOWS, say });
      return measuredOf(found, watched);
    } finally {
      await platform.stop();
    }
  } finally {
    await bare.stop();
  }
}

/** Ten actions, each with a container that has run. */
async function warm(platform: BenchPlatform): Promise<void> {
  const names = Array.from({ length: CONTAINERS }, (_, i) => `noop-${i}`);
  await Promise.all(names.map((name) => createAction(platform, 'noop', name)));
  for (const name of names) await platform.invoke(name, PAYLOAD);
  platform.expectRecords(CONTAINERS, 1);
  await platform.checkRecords();
}

async function use(watched: Watched): Promise<Used> {
  const kinds = Object.keys(watched) as (keyof Watched)[];
  const read = (): Used =>
    Object.fromEntries(
      kinds.map((kind) => [kind, watched[kind].reduce((sum, pid) => sum + cpuSeconds(pid), 0)]),
    ) as Used;
  const before = read();
  const began = performance.now();
  await pause(WINDOW_MS);
  const after = read();
  const seconds = (performance.now() - began) / 1000;
  return Object.fromEntries(kinds.map((kind) => [kind, ((after[kind] - before[kind]) / seconds) * PERCENT])) as Used;
}

function measuredOf(found: readonly Used[], watched: Watched): Measured {
  const mean = (kind: keyof Watched): number => found.reduce((sum, used) => sum + used[kind], 0) / found.length;
  const memory = (pids: readonly number[]): number[] => pids.map((pid) => (residentBytes(pid) ?? 0) / MIB);
  const platformMiB = median(memory(watched.platform));
  const containerMiB = median(memory(watched.containers));
  const figure = mean('platform') + mean('containers');
  const unit = '% of one core';
  const engine: Row[] =
    watched.engine.length === 0
      ? []
      : [
          { what: 'dockerd, containerd and the container shims: CPU', figure: mean('engine'), unit },
          {
            what: 'dockerd, containerd and the container shims: memory',
            figure: memory(watched.engine).reduce((a, b) => a + b, 0),
            unit: 'MiB',
          },
        ];
  return {
    result: {
      ...withGoal(figure, targets.idle.figure),
      unit: targets.idle.unit,
      better: targets.idle.better,
      baseline: { figure: mean('baseline'), unit },
      also: {
        platformMiB: withGoal(platformMiB, targets.idle.also.platformMiB),
        containerMiB: withGoal(containerMiB, targets.idle.also.containerMiB),
      },
      samples: found.length,
    },
    rows: [
      { what: 'an idle Node.js server: CPU', figure: mean('baseline'), unit },
      { what: 'the platform: CPU', figure: mean('platform'), unit },
      { what: 'ten containers: CPU', figure: mean('containers'), unit },
      { what: 'the platform: resident memory', figure: platformMiB, unit: 'MiB' },
      { what: 'a container: resident memory, median', figure: containerMiB, unit: 'MiB' },
      ...engine,
    ],
    notes: [
      'CPU by the scheduler’s own account, of all threads. Resident memory counts shared pages in each process.',
      ...(engine.length === 0
        ? []
        : ['The engine’s processes serve other containers too: they are not in the figure.']),
    ],
  };
}
