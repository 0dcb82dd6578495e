import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Path of the program that runs in a container, for drivers that start it as a process. */
export const runtimeEntry: string = fileURLToPath(new URL('./main.js', import.meta.url));

/** Packages that every action may `require` without bringing them along, as in OpenWhisk's own runtime. */
export const preinstalledPackages: readonly string[] = ['openwhisk'];

/** Folder of one of them on this machine. */
export function preinstalledFolder(name: string): string {
  return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
}
