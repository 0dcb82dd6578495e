import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { realpathSync, statSync } from 'node:fs';
import path from 'node:path';

/** A user id that no account and no other container has, so that the kernel's limits per user apply to this container alone. */
export function freshUid(): number {
  return randomInt(1_100_000_000, 1_800_000_000);
}

const READ = 0o004;
const ENTER = 0o001;

/**
 * Returns the first of these paths that other users cannot read, or the first folder above one that they cannot enter;
 * undefined when every path is open to all users.
 */
export function closedToOthers(paths: readonly string[]): string | undefined {
  for (const one of paths.map((each) => realpathSync(each))) {
    if ((statSync(one).mode & READ) === 0) return one;
    const closed = closedAbove(one);
    if (closed !== undefined) return closed;
  }
  return undefined;
}

function closedAbove(one: string): string | undefined {
  const above = path.dirname(one);
  if (above === one) return undefined;
  return (statSync(above).mode & ENTER) === 0 ? above : closedAbove(above);
}

/**
 * Kills every process of a user, those outside their group too. Needs root. Resolves when the signals are sent. A shell
 * that runs as that user sends them with `kill -1`, because the kernel then signals all of them in one step.
 */
export function endProcessesOf(uid: number): Promise<void> {
  return new Promise((resolve) => {
    const shell = spawn('/bin/sh', ['-c', 'kill -9 -1'], { cwd: '/', env: {}, uid, gid: uid, stdio: 'ignore' });
    shell.once('error', () => resolve());
    shell.once('exit', () => resolve());
  });
}
