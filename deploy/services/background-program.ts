import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/** Names a process for good: a pid that was given to another process later is not taken for it. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot, from /proc; empty where there is no /proc, and then the pid alone must do. */
  readonly startedAt: string;
}

export interface ProgramOptions {
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Its output is added to this file. */
  readonly log: string;
}

const LOOK_MS = 50;
const TERM_MS = 20_000;
const KILL_MS = 5_000;

/** Starts a program that outlives this one, in a process group of its own. Rejects when there is no such program. */
export async function startProgram(
  program: string,
  args: readonly string[],
  { environment = process.env, cwd, log }: ProgramOptions,
): Promise<ProcessIdentity> {
  const output = openSync(log, 'a', 0o600);
  try {
    const child = spawn(program, args, { cwd, env: environment, detached: true, stdio: ['ignore', output, output] });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    child.unref();
    return { pid: child.pid!, startedAt: statOf(child.pid!)?.startedAt ?? '' };
  } finally {
    closeSync(output);
  }
}

/** True while that very process runs; a zombie does not. */
export function isAlive({ pid, startedAt }: ProcessIdentity): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const stat = statOf(pid);
  return stat === undefined ? startedAt === '' : stat.state !== 'Z' && stat.startedAt === startedAt;
}

/** Asks the program to end, and after 20 s makes its whole group end. Resolves when it is gone; rejects when it stays. */
export async function stopProgram(identity: ProcessIdentity): Promise<void> {
  if (!isAlive(identity)) return;
  process.kill(identity.pid, 'SIGTERM');
  if (await goneWithin(identity, TERM_MS)) return;
  process.kill(-identity.pid, 'SIGKILL');
  if (await goneWithin(identity, KILL_MS)) return;
  throw new Error(`Process ${identity.pid} does not end, not even when it is killed.`);
}

async function goneWithin(identity: ProcessIdentity, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while (isAlive(identity)) {
    if (Date.now() >= deadline) return false;
    await pause(LOOK_MS);
  }
  return true;
}

/** Waits until `ask` resolves. Rejects with the end of the log when the program ends before, or is not there in time. */
export async function untilReady(
  identity: ProcessIdentity,
  { log, withinMs, ask }: { log: string; withinMs: number; ask: () => Promise<unknown> },
): Promise<void> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    try {
      await ask();
      return;
    } catch (cause) {
      if (!isAlive(identity)) throw new Error(`It has ended at once:\n${endOf(log)}`, { cause });
      if (Date.now() >= deadline) {
        const seconds = Math.round(withinMs / 1000);
        throw new Error(`It does not answer within ${seconds} s (${String(cause)}):\n${endOf(log)}`, { cause });
      }
      await pause(LOOK_MS);
    }
  }
}

/** The last lines of a log; the file goes with the service, so an error has to bring them along. */
export function endOf(log: string): string {
  try {
    return readFileSync(log, 'utf8').trimEnd().split('\n').slice(-12).join('\n');
  } catch {
    return '(there is no log)';
  }
}

function statOf(pid: number): { state: string; startedAt: string } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name is in parentheses and may hold anything; the state follows, the start time is field 22.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0]!, startedAt: fields[19]! };
  } catch {
    return undefined;
  }
}
