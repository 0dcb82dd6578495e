import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageFolder, preinstalledPackages, runtimeEntry } from '../nodejs/index.js';
import { type ImageFile, copiedFolder, textFile } from './image-file.js';

const BASE_FOLDER = '/opt/dataflower';
/** Folder of the runtime in the image. */
const RUNTIME_FOLDER = `${BASE_FOLDER}/action-runtime`;
/** Folder with links to the preinstalled packages. Node finds it from everywhere, because it looks in all folders above a file. */
const SHARED_FOLDER = '/node_modules';

/** Files of the compiled package that are not part of the runtime. */
const NOT_RUN = /(?:^|[/\\])(?:images|testing|vectors|inputs\.json)$|\.(?:d\.ts|map|tsbuildinfo|md)$|\.test\.js$/;
const NOT_LOADED = /\.(?:md|map|d\.ts|d\.mts|markdown|ts|c|h)$|[/\\](?:test|tests|\.github|example|examples|docs)$/i;

const compiled = fileURLToPath(new URL('..', import.meta.url));
const source = fileURLToPath(new URL('../..', import.meta.url));

/** The program of a container: a link, so that its name does not depend on how the runtime was built. */
export const RUNTIME_ENTRY = `${RUNTIME_FOLDER}/start.js`;

/** The runtime, its dependencies and the preinstalled packages; nothing else of this repository. */
export function runtimeFiles(): ImageFile[] {
  const packages = new Map<string, string>();
  for (const name of ['yauzl', ...preinstalledPackages]) collect(name, source, packages);
  const shared = preinstalledPackages.map((name): ImageFile => {
    const target = path.posix.relative(SHARED_FOLDER, inImage(packageFolder(name, manifest(source))));
    return { path: `${SHARED_FOLDER}/${name}`, type: 'link', target };
  });
  return [
    ...copiedFolder(RUNTIME_FOLDER, compiled, (file) => !NOT_RUN.test(file)),
    { path: RUNTIME_ENTRY, type: 'link', target: path.relative(compiled, runtimeEntry).split(path.sep).join('/') },
    textFile(`${RUNTIME_FOLDER}/package.json`, '{ "type": "module" }\n'),
    ...[...packages].flatMap(([target, from]) =>
      copiedFolder(target, from, (file) => !NOT_LOADED.test(file) && file !== path.join(from, 'node_modules')),
    ),
    ...shared,
  ];
}

function manifest(folder: string): string {
  return path.join(folder, 'package.json');
}

/** Path of a package in the image. Packages keep their relative places, so that each finds the versions it was installed with. */
function inImage(folder: string): string {
  const [above, ...inner] = folder.split(`node_modules${path.sep}`);
  const base = path.resolve(above!) === path.resolve(source) ? RUNTIME_FOLDER : BASE_FOLDER;
  return path.posix.join(base, ...inner.map((part) => `node_modules/${part.split(path.sep).join('/')}`));
}

/** Collects a package, resolved as Node does from a folder, with its dependencies: path in the image to folder here. */
function collect(name: string, from: string, packages: Map<string, string>): void {
  const folder = packageFolder(name, manifest(from));
  const target = inImage(folder);
  const { dependencies = {}, engines = {} } = JSON.parse(readFileSync(manifest(folder), 'utf8')) as {
    dependencies?: Record<string, string>;
    engines?: Record<string, string>;
  };
  // Some packages have dependencies for other JavaScript engines only.
  if (packages.has(target) || ('bare' in engines && !('node' in engines))) return;
  packages.set(target, folder);
  for (const needed of Object.keys(dependencies)) collect(needed, folder, packages);
}
