import fs from 'node:fs';

/**
 * Identifies a process for good: its pid and, where the system tells it, its start time, so that a later process with the
 * same pid is not taken for it.
 */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot; 0 where the system does not tell. */
  readonly startedAt: string;
}

/** The identity of a running process; undefined when there is none with this pid. */
export function processIdentity(pid: number): ProcessIdentity | undefined {
  if (!isRunning(pid)) return undefined;
  return { pid, startedAt: startTime(pid) };
}

/** The identity of this process. */
export function ownIdentity(): ProcessIdentity {
  return { pid: process.pid, startedAt: startTime(process.pid) };
}

/** True while the process with this identity runs; true too when that cannot be told. */
export function isAlive(identity: ProcessIdentity): boolean {
  const now = processIdentity(identity.pid);
  if (now === undefined) return false;
  return now.startedAt === identity.startedAt || now.startedAt === UNKNOWN || identity.startedAt === UNKNOWN;
}

/** `pid-startedAt`, for file names. */
export function identityText(identity: ProcessIdentity): string {
  return `${identity.pid}-${identity.startedAt}`;
}

/** The reverse of `identityText`; undefined when the text is not one. */
export function parseIdentity(text: string): ProcessIdentity | undefined {
  const match = /^(\d{1,10})-(\d{1,20})$/.exec(text);
  if (match === null) return undefined;
  const pid = Number(match[1]);
  return pid > 0 ? { pid, startedAt: match[2]! } : undefined;
}

const UNKNOWN = '0';
/** Field 22 of /proc/PID/stat, counted after the command's closing parenthesis. */
const START_TIME_FIELD = 19;

function startTime(pid: number): string {
  return statOf(pid)[START_TIME_FIELD] ?? UNKNOWN;
}

/** The fields after the command in /proc/PID/stat, the state first; empty where the system does not tell. */
function statOf(pid: number): string[] {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie has ended; its parent has not read its exit code yet.
    return statOf(pid)[0] !== 'Z';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
