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

/** Removes the engine's own bridge and those of the networks that were made with it, except what was there before. */
export function removeBridges(before: readonly string[]): void {
  const bridges = networkInterfaces().filter((name) => /^(?:docker0|br-[0-9a-f]{12})$/.test(name));
  for (const name of bridges.filter((name) => !before.includes(name))) run('ip', 'link', 'delete', name);
}

/** Every interface of this network namespace, those that are down too. */
export function networkInterfaces(): string[] {
  return [...readFileSync('/proc/net/dev', 'utf8').matchAll(/^\s*([^\s:]+):/gm)].map(([, name]) => name!);
}

function run(program: string, ...args: string[]): void {
  const found = programPath(program);
  if (found !== undefined) spawnSync(found, args, { timeout: COMMAND_MS });
}
