import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { preinstalledPackages, runtimeEntry } from '../nodejs/index.js';
import { type ImageFile, copiedFolder, textFile } from './image-file.js';

/** Where the runtime is in the image. */
const RUNTIME_FOLDER = '/opt/dataflower/action-runtime';
/** Found from everywhere, as Node looks through all the folders above a file. */
const PACKAGES_FOLDER = '/node_modules';

/** What the compiled package has besides the runtime itself, and what only a developer reads. */
const NOT_RUN = /(?:^|[/\\])(?:images|testing|vectors|inputs\.json)$|\.(?:d\.ts|map|tsbuildinfo|md)$|\.test\.js$/;
const NOT_LOADED = /\.(?:md|map|d\.ts|d\.mts|markdown|ts|c|h)$|[/\\](?:test|tests|\.github|example|examples|docs)$/i;

const compiled = fileURLToPath(new URL('..', import.meta.url));
const source = fileURLToPath(new URL('../..', import.meta.url));

/** The program that a container of the image runs: a link, so that it has one name however the runtime was built. */
export const RUNTIME_ENTRY = `${RUNTIME_FOLDER}/start.js`;

/** The runtime, what it needs, and what actions may count on; nothing else of this repository. */
export function runtimeFiles(): ImageFile[] {
  const packages = new Map<string, string>();
  for (const name of ['yauzl', ...preinstalledPackages]) collect(name, source, packages);
  return [
    ...copiedFolder(RUNTIME_FOLDER, compiled, (file) => !NOT_RUN.test(file)),
    { path: RUNTIME_ENTRY, type: 'link', target: path.relative(compiled, runtimeEntry).split(path.sep).join('/') },
    textFile(`${RUNTIME_FOLDER}/package.json`, '{ "type": "module" }\n'),
    ...[...packages].flatMap(([target, from]) =>
      copiedFolder(target, from, (file) => !NOT_LOADED.test(file) && file !== path.join(from, 'node_modules')),
    ),
  ];
}

/** Finds a package as Node would from a folder, with all that it needs, and where each has to be to be found again. */
function collect(name: string, from: string, packages: Map<string, string>): void {
  const folder = packageFolder(name, from);
  // The first `node_modules` of the path is that of the repository, the second one is a package's own.
  const [, ...inner] = folder.split(`node_modules${path.sep}`);
  const target = path.posix.join(PACKAGES_FOLDER, inner.join('node_modules/').split(path.sep).join('/'));
  const { dependencies = {}, engines = {} } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as {
    dependencies?: Record<string, string>;
    engines?: Record<string, string>;
  };
  // Some packages bring what they need on other JavaScript engines.
  if (packages.has(target) || ('bare' in engines && !('node' in engines))) return;
  packages.set(target, folder);
  for (const needed of Object.keys(dependencies)) collect(needed, folder, packages);
}

function packageFolder(name: string, from: string): string {
  const folders = createRequire(path.join(from, 'package.json')).resolve.paths(name) ?? [];
  const found = folders
    .map((folder) => path.join(folder, name))
    .find((folder) => existsSync(path.join(folder, 'package.json')));
  if (found === undefined) throw new Error(`The package ${name} is not installed. Run npm install.`);
  return found;
}
