import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, rmSync, rmdirSync } from 'node:fs';
import path from 'node:path';
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

/** Removes the engine's own bridge and those of the networks that were made with it. */
export function removeBridges(own: string): void {
  const interfaces = readdirSync('/sys/class/net');
  for (const name of interfaces.filter((name) => name === own || /^br-[0-9a-f]{12}$/.test(name))) {
    run('ip', 'link', 'delete', name);
  }
}

/** Removes the empty control groups of the engine's containers, in either version of the hierarchy. */
export function removeControlGroups(name: string): void {
  const top = '/sys/fs/cgroup';
  for (const parent of [top, ...readdirSync(top).map((controller) => path.join(top, controller))]) {
    try {
      rmdirSync(path.join(parent, name));
    } catch {
      // It is not one, or has none of this name.
    }
  }
}

function run(program: string, ...args: string[]): void {
  const found = programPath(program);
  if (found !== undefined) spawnSync(found, args, { timeout: COMMAND_MS });
}
