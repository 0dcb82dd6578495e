import { readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Path of the program that runs in a container, for drivers that start it as a process: its bundle, which starts in
 * half the time, or the modules themselves where there is none that was made of them.
 */
export const runtimeEntry: string = fileURLToPath(
  new URL(isBundled() ? '../bundle/dlu/main.js' : './main.js', import.meta.url),
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
