import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { realpathSync, statSync } from 'node:fs';
import path from 'node:path';

/** User ids that no account has and no other container: what the kernel counts by user, nobody else can use up. */
export function freshUid(): number {
  return randomInt(1_100_000_000, 1_800_000_000);
}

const READ = 0o004;
const ENTER = 0o001;

/**
 * The first of these files and folders that not every user can read, or that is above one and not every user can enter;
 * undefined: all can.
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
 * Ends every process of a user, those that have left their group too; to be called as root. Resolves when they are told;
 * a shell of that user does it, since the system then finds them all at one look.
 */
export function endProcessesOf(uid: number): Promise<void> {
  return new Promise((resolve) => {
    const shell = spawn('/bin/sh', ['-c', 'kill -9 -1'], { cwd: '/', env: {}, uid, gid: uid, stdio: 'ignore' });
    shell.once('error', () => resolve());
    shell.once('exit', () => resolve());
  });
}
