import { readFileSync, readdirSync } from 'node:fs';

/** A process of this machine, as `/proc` shows it. */
export interface RunningProcess {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function pids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function describe(pid: number): RunningProcess | undefined {
  const stat = read(`/proc/${pid}/stat`);
  // The name is in parentheses and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (stat === '' || fields[0] === 'Z') return undefined;
  return { pid, parent: Number(fields[1]), command: read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim() };
}

/** The living processes below one, whatever the depth. */
export function descendants(pid: number): RunningProcess[] {
  const all = pids().flatMap((one) => describe(one) ?? []);
  const found: RunningProcess[] = [];
  let level = new Set([pid]);
  while (level.size > 0) {
    const next = all.filter(({ parent }) => level.has(parent));
    found.push(...next);
    level = new Set(next.map((one) => one.pid));
  }
  return found;
}

/** The guardians of a server's containers, for tests that kill the server. */
const isGuardian = ({ command }: RunningProcess): boolean => command.includes('dataflower-guardian');

/** The processes of a server's containers. */
export function containersOf(server: number): number[] {
  return descendants(server)
    .filter((one) => !isGuardian(one))
    .map(({ pid }) => pid);
}

/** The process that watches over a server's containers; undefined before there were any. */
export function guardianOf(server: number): number | undefined {
  return descendants(server).find(isGuardian)?.pid;
}

/** The living processes that have a text in their arguments or their environment: those that were started for one suite. */
export function processesThatName(text: string): RunningProcess[] {
  return pids()
    .filter((pid) => pid !== process.pid)
    .filter((pid) => read(`/proc/${pid}/cmdline`).includes(text) || read(`/proc/${pid}/environ`).includes(text))
    .flatMap((pid) => describe(pid) ?? []);
}

export function isRunning(pid: number): boolean {
  return describe(pid) !== undefined;
}

/** Ends a process that may have ended already. */
export function killHard(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It was gone.
  }
}
