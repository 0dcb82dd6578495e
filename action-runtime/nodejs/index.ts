import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Path of the program that runs in a container, for drivers that start it as a process: its bundle, which starts in
 * half the time, or the modules themselves where there is none that was made of them.
 */
export const runtimeEntry: string = fileURLToPath(
  new URL(isBundled() ? '../bundle/flu/main.js' : './main.js', import.meta.url),
);

function isBundled(): boolean {
  try {
    const text = readFileSync(new URL('../bundle/inputs.json', import.meta.url), 'utf8');
    return Object.entries(JSON.parse(text) as Record<string, [size: number, mtimeMs: number]>).every(
      ([path, [size, mtimeMs]]) => {
        const now = statSync(new URL(`../${path}`, import.meta.url));
        return now.size === size && now.mtimeMs === mtimeMs;
      },
    );
  } catch {
    return false;
  }
}

/** Packages that every action may `require` without bringing them along, as in OpenWhisk's own runtime. */
export const preinstalledPackages: readonly string[] = ['openwhisk'];

/** Folder of one of them on this machine. */
export function preinstalledFolder(name: string): string {
  return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
}
