import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { programPath } from './install.js';

const COMMAND_MS = 10_000;

/** Removes a folder with what is mounted in it: a killed engine leaves its containers' file systems mounted. */
export function removeTree(directory: string): void {
  const mounted = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .flatMap((line) => line.split(' ')[4]?.replaceAll('\\040', ' ') ?? [])
    .filter((point) => point.startsWith(`${directory}/`));
  for (const point of mounted.reverse()) run('umount', '--lazy', point);
  rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
}

function run(program: string, ...args: string[]): void {
  const found = programPath(program);
  if (found !== undefined) spawnSync(found, args, { timeout: COMMAND_MS });
}
