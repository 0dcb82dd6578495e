import { existsSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export { HEAP_EXHAUSTED, agentEnvironment, runtimeEnvironment } from './container-environment.js';

/**
 * Path of the program that runs in a container, for drivers that start it as a process: the bundle, which starts in half the
 * time, or the modules themselves when the bundle is missing or older than they are.
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
 * The packages that every action, archive and composition can load without bundling them: those of OpenWhisk's own image
 * (OW-80), and no others. The driver or the image links them into a `node_modules` above every folder that user code starts in.
 */
export const preinstalledPackages: readonly string[] = [
  'body-parser',
  'express',
  'openwhisk',
  'redis',
  'serialize-error',
  'uuid',
];

/** Folder of an installed package, resolved as Node does from a file. The package's `exports` need not list `package.json`. */
export function packageFolder(name: string, from: string = import.meta.url): string {
  const folders = createRequire(from).resolve.paths(name) ?? [];
  const found = folders.map((folder) => join(folder, name)).find((folder) => existsSync(join(folder, 'package.json')));
  if (found === undefined) throw new Error(`The package ${name} is not installed. Run npm install.`);
  return found;
}
