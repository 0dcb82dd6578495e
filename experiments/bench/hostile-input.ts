import { setTimeout as pause } from 'node:timers/promises';
import { median } from '../platform/median.js';
import { residentBytes } from '../platform/process-tree.js';
import { startPlatform } from '../platform/platform.js';
import { PLATFORM_SETTINGS } from './bench-platform.js';
import type { BenchContext } from './context.js';
import { hostileInputs } from './hostile/inputs.js';
import { Prober } from './hostile/prober.js';
import { type Target, runInput } from './hostile/run-input.js';
import { coreOf, pin } from './placement.js';
import type { Measured, Row } from './result.js';
import { runRounds } from './rounds.js';
import { targets, withGoal } from './targets.js';

/** Rounds that count: each runs the whole corpus. */
const ROUNDS = 3;
const IDLE_MS = 2000;
const MEMORY_EVERY_MS = 50;
const MIB = 2 ** 20;

interface HostileRound {
  /** Longest pause by input, in milliseconds. */
  readonly pauses: readonly number[];
  /** The platform's memory at its peak, in bytes. */
  readonly peak: number;
  /** Longest pause without requests. */
  readonly idle: number;
}

/** The longest pause of the server's event loop while one user sends hostile input. */
export async function hostileInput({ rounds, say }: BenchContext): Promise<Measured> {
  pin(process.pid, coreOf.client.C);
  const platform = await startPlatform({ environment: PLATFORM_SETTINGS, core: coreOf.platform.C });
  const prober = Prober.start(platform.url);
  try {
    const found = await runRounds(() => hostileRound(platform, platform.pid, prober, say), {
      ...rounds,
      rounds: ROUNDS,
      say,
    });
    return measuredOf(found);
  } finally {
    await prober.stop();
    await platform.stop();
  }
}

async function hostileRound(
  target: Target,
  pid: number,
  prober: Prober,
  say: (text: string) => void,
): Promise<HostileRound> {
  await prober.take();
  await pause(IDLE_MS);
  const idle = (await prober.take()).longestMs;
  const pauses: number[] = [];
  let peak = 0;
  const timer = setInterval(() => (peak = Math.max(peak, residentBytes(pid) ?? 0)), MEMORY_EVERY_MS);
  try {
    for (const input of hostileInputs) {
      await prober.take();
      await runInput(target, input, 'full');
      const { longestMs } = await prober.take();
      say(`${longestMs.toFixed(1)} ms: ${input.name}`);
      pauses.push(longestMs);
    }
  } finally {
    clearInterval(timer);
  }
  return { pauses, peak, idle };
}

function measuredOf(found: readonly HostileRound[]): Measured {
  const { unit, better, figure, also } = targets['hostile-input'];
  const peakMiB = median(found.map(({ peak }) => peak / MIB));
  const idle = median(found.map((round) => round.idle));
  const rows: Row[] = hostileInputs.map(({ name }, i) => ({
    what: name,
    figure: median(found.map(({ pauses }) => pauses[i]!)),
    unit: 'ms',
  }));
  return {
    result: {
      figure: median(found.map(({ pauses }) => Math.max(...pauses))),
      unit,
      better,
      ...figure,
      baseline: { figure: idle, unit: 'ms, with nothing to do' },
      also: { peakMiB: withGoal(peakMiB, also.peakMiB) },
      samples: found.length * hostileInputs.length,
    },
    rows: [
      ...rows,
      { what: 'nothing to do', figure: idle, unit: 'ms' },
      { what: 'memory at its peak', figure: peakMiB, unit: 'MiB' },
    ],
    notes: ['The figure is the median of the rounds’ longest pauses, whichever input they come from.'],
  };
}
