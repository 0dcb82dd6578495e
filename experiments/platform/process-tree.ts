import { readFileSync, readdirSync } from 'node:fs';

/** A process in `/proc`. */
interface ProcessState {
  readonly pid: number;
  readonly parent: number;
  /** Clock ticks of its CPU time, including its children that ended. */
  readonly ticks: number;
}

function readState(pid: string): ProcessState | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in parentheses, may contain any character; the fields behind it are numbers.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const number = (field: number): number => Number(fields[field - 3]);
    return { pid: Number(pid), parent: number(4), ticks: number(14) + number(15) + number(16) + number(17) };
  } catch {
    return undefined;
  }
}

/** All processes; none where there is no `/proc`. */
function processes(): ProcessState[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((pid) => readState(pid) ?? []);
  } catch {
    return [];
  }
}

/** The processes below this one, nearest first. */
export function descendants(pid: number): number[] {
  return below(pid, processes()).map((state) => state.pid);
}

/** Clock ticks of the CPU time of a process and its descendants, including those that ended. */
export function ticksOfTree(pid: number): number {
  const all = processes();
  const own = all.find((state) => state.pid === pid);
  return [own, ...below(pid, all)].reduce((sum, state) => sum + (state?.ticks ?? 0), 0);
}

function below(pid: number, all: readonly ProcessState[]): ProcessState[] {
  const found: ProcessState[] = [];
  let level = new Set([pid]);
  while (level.size > 0) {
    const next = all.filter((state) => level.has(state.parent));
    found.push(...next);
    level = new Set(next.map((state) => state.pid));
  }
  return found;
}

/** Resident memory of a process; undefined when it is gone. */
export function residentBytes(pid: number): number | undefined {
  try {
    return Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
  } catch {
    return undefined;
  }
}
