import { existsSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
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

/**
 * Packages that every action, archive and composition finds without bringing them, those of OpenWhisk's own image (OW-80),
 * and the only ones: the driver or the image links them into a `node_modules` above all that user code starts from.
 */
export const preinstalledPackages: readonly string[] = [
  'body-parser',
  'express',
  'openwhisk',
  'redis',
  'serialize-error',
  'uuid',
];

/** Folder of an installed package, found as Node does it from a file; its `exports` need not name its `package.json`. */
export function packageFolder(name: string, from: string = import.meta.url): string {
  const folders = createRequire(from).resolve.paths(name) ?? [];
  const found = folders.map((folder) => join(folder, name)).find((folder) => existsSync(join(folder, 'package.json')));
  if (found === undefined) throw new Error(`The package ${name} is not installed. Run npm install.`);
  return found;
}
