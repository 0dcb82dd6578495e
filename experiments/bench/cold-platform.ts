import { readFileSync } from 'node:fs';
import { type BenchPlatform, startBenchPlatform } from './bench-platform.js';
import type { Driver } from './arguments.js';
import { engineProcesses } from './engine-processes.js';
import { metricsNow } from './metrics-text.js';
import { cpuTicks, listenForNoise } from './noise.js';

/** A container without work goes so soon that the next round is as cold as the one before. */
const IDLE_MS = 4000;
const COLD_TIMEOUT_MS = 60_000;
const LOOK_MS = 50;
/** The demands of the actions, and so the properties of pre-warmed containers. */
const MEMORY_MIB = 256;
const TICK_MS = 10;

/** A platform whose containers all start cold, on every core: a start uses more than one, and which says nothing. */
export interface ColdPlatform {
  readonly platform: BenchPlatform;
  /** Where the time of the next container's start that a function has to wait for goes. */
  nextStart(): Promise<StartPhases>;
  /** A name that no action has had. */
  newName(): string;
  /** Waits until no container is left but those that are pre-warmed, and they are all there. */
  cold(): Promise<void>;
}

/** In ms, as the platform's log says it at the level `debug`. */
export interface StartPhases {
  readonly driverMs: number;
  readonly bootMs: number;
  readonly loadMs: number;
  readonly initMs: number;
}

/** Runs `work` with a platform that has the given number of pre-warmed containers, and stops it. */
export async function withColdPlatform<T>(
  driver: Driver,
  prewarmed: number,
  work: (cold: ColdPlatform) => Promise<T>,
): Promise<T> {
  const waiting: ((phases: StartPhases) => void)[] = [];
  let said = '';
  const platform = await startBenchPlatform(
    undefined,
    {
      DATAFLOWER_CONTAINERS_DRIVER: driver,
      DATAFLOWER_CONTAINERS_IDLE_MS: String(IDLE_MS),
      DATAFLOWER_CONTAINERS_PREWARM: JSON.stringify(
        prewarmed === 0 ? [] : [{ kind: 'nodejs:20', memoryMiB: MEMORY_MIB, count: prewarmed }],
      ),
      DATAFLOWER_CONTAINERS_PREWARM_REPLACE_MS: '200',
      DATAFLOWER_LOG_LEVEL: 'debug',
    },
    (text) => {
      const lines = (said + text).split('\n');
      said = lines.pop()!;
      for (const line of lines) {
        if (line.includes('a container is ready')) waiting.shift()?.(JSON.parse(line) as StartPhases);
      }
    },
  );
  let names = 0;
  try {
    return await work({
      platform,
      nextStart: () => new Promise((resolve) => waiting.push(resolve)),
      newName: () => `cold-${String(++names)}`,
      cold: () => untilCold(platform, prewarmed),
    });
  } finally {
    await platform.stop();
  }
}

async function untilCold({ url }: BenchPlatform, prewarmed: number): Promise<void> {
  const deadline = performance.now() + COLD_TIMEOUT_MS;
  for (;;) {
    const text = await metricsNow(url);
    const states = [...text.matchAll(/^dataflower_containers\{state="(\w+)"\} (\d+)/gm)];
    const count = (waiting: boolean): number =>
      states.filter(([, state]) => (state === 'PREWARMED') === waiting).reduce((sum, [, , n]) => sum + Number(n), 0);
    if (count(false) === 0 && count(true) === prewarmed) return;
    if (performance.now() > deadline) throw new Error(`The containers are not gone:\n${states.join('\n')}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** Processes of the Docker engine that work for a bench are no disturbance. */
export function listenWith(driver: Driver): () => () => number {
  return driver === 'docker' ? () => listenForNoise(engineProcesses) : listenForNoise;
}

/** Time of `work`, and of the processor that the whole machine used meanwhile, in ms. */
export async function timed(work: () => Promise<unknown>): Promise<{ readonly ms: number; readonly cpuMs: number }> {
  const busy = (): number => cpuTicks(readFileSync('/proc/stat', 'utf8')).busy;
  const before = busy();
  const started = performance.now();
  await work();
  return { ms: performance.now() - started, cpuMs: (busy() - before) * TICK_MS };
}
