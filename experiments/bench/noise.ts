import { readFileSync } from 'node:fs';
import { ticksOfTree } from '../platform/process-tree.js';

/** Clock ticks a second of the times under `/proc`. */
const TICKS_PER_SECOND = 100;

/** CPU that others may use while a round runs, in cores, with what the hypervisor takes. */
export const MAX_NOISE_CORES = 0.3;

interface Reading {
  readonly at: number;
  /** Ticks that all processes have used. */
  readonly busy: number;
  /** Ticks that the hypervisor gave to others. */
  readonly steal: number;
  /** Ticks of this process, and of each that helps, with all that are below. */
  readonly own: ReadonlyMap<number, number>;
}

/** Parses the first line of `/proc/stat`. */
export function cpuTicks(stat: string): { readonly busy: number; readonly steal: number } {
  const [user, nice, system, , , , , steal] = stat
    .slice(0, stat.indexOf('\n'))
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return { busy: (user ?? 0) + (nice ?? 0) + (system ?? 0), steal: steal ?? 0 };
}

function read(helping: () => readonly number[]): Reading {
  const own = new Map([process.pid, ...helping()].map((pid) => [pid, ticksOfTree(pid)]));
  return { at: performance.now(), own, ...cpuTicks(readFileSync('/proc/stat', 'utf8')) };
}

/**
 * Begins to listen; the function that it gives tells how many cores others have used since. Processes that work for the bench
 * without being below it are no others.
 */
export function listenForNoise(helping: () => readonly number[] = () => []): () => number {
  const before = read(helping);
  return () => noiseBetween(before, read(helping));
}

export function noiseBetween(before: Reading, after: Reading): number {
  // The use of a process that has ended says nothing about the time between.
  const own = Array.from(after.own, ([pid, ticks]) => Math.max(0, ticks - (before.own.get(pid) ?? 0)));
  const used = own.reduce((sum, ticks) => sum + ticks, 0);
  const ticks = after.busy - before.busy - used + (after.steal - before.steal);
  return Math.max(0, ticks / (((after.at - before.at) / 1000) * TICKS_PER_SECOND));
}
