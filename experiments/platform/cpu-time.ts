import { readFileSync, readdirSync } from 'node:fs';

/**
 * CPU time of the living threads of a process, in seconds, to the microsecond: the ticks of `/proc/<pid>/stat` are too coarse
 * for a process that is almost idle. 0 for a process that is gone.
 */
export function cpuSeconds(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => sum + secondsOf(pid, thread), 0);
  } catch {
    return 0;
  }
}

function secondsOf(pid: number, thread: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e9;
  } catch {
    return 0;
  }
}

/** The living processes with this name in `/proc/<pid>/comm`: 15 characters at most. */
export function processesNamed(name: string): number[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && nameOf(pid) === name)
    .map(Number);
}

function nameOf(pid: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return undefined;
  }
}
