/**
 * The imports of this repository's sources, by file and by folder. Read by the linter (`folder-rule.mjs`), by the tests in
 * test/house and by `node .ci/house/print-folders.mjs`. An import of a type counts like any other.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** The packages whose folders ARCHITECTURE.md draws; the others (experiments, test, deploy/services) use them from outside. */
export const packages = ['composer', 'action-runtime', 'common', 'invoker-shim', 'plugin', 'dataflower'];

/** True for tests and for their support; `file` is relative to the top folder, with slashes. */
export const isTest = (file) => file.endsWith('.test.ts') || /(^|\/)testing\//.test(file);

export const folderOf = (file) => posix.dirname(file);

/** Every TypeScript file below a folder, relative to the top folder. */
export function* sourceFiles(folder) {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    if (entry.name === 'node_modules' || entry.name === 'dist') continue;
    const path = posix.join(folder, entry.name);
    if (entry.isDirectory()) yield* sourceFiles(path);
    else if (path.endsWith('.ts') && !path.endsWith('.d.ts')) yield path;
  }
}

/**
 * The file that an import in `file` leads to: `./x.js` to the source beside it, `@dataflower/package/room` to the room's
 * `index.ts`. Undefined for packages that are not this repository's.
 */
export function importedFile(file, specifier) {
  if (specifier.startsWith('.')) return posix.join(folderOf(file), specifier).replace(/\.js$/, '.ts');
  const [, name, room] = /^@dataflower\/([\w-]+)(?:\/(.+))?$/.exec(specifier) ?? [];
  if (name === undefined) return undefined;
  return posix.join(name === 'services' ? 'deploy/services' : name, room ?? '', 'index.ts');
}

/** The imports of a file: `{from, to, line}`, each once for every place where it is written. */
export function importsOf(file) {
  const text = readFileSync(join(root, file), 'utf8');
  return ts.preProcessFile(text, true, true).importedFiles.flatMap(({ fileName, pos }) => {
    const to = importedFile(file, fileName);
    return to === undefined ? [] : [{ from: file, to, line: text.slice(0, pos).split('\n').length }];
  });
}

/** The imports between sources (tests and their support left out) of the drawn packages. */
export function sourceImports() {
  return packages.flatMap((name) => [...sourceFiles(name)].filter((file) => !isTest(file)).flatMap(importsOf));
}

/**
 * True for an import that is an arrow of the folder graph. The `index.ts` of a folder lists names of the folders below for other
 * packages: that is no arrow.
 */
export function isArrow({ from, to }) {
  if (folderOf(from) === folderOf(to)) return false;
  return !(posix.basename(from) === 'index.ts' && to.startsWith(`${folderOf(from)}/`));
}

/** Folder → the other folders that its sources import, as the code has it. */
export function folderGraph(imports = sourceImports()) {
  const graph = new Map();
  const at = (folder) => graph.get(folder) ?? graph.set(folder, new Set()).get(folder);
  for (const name of packages) for (const file of sourceFiles(name)) if (!isTest(file)) at(folderOf(file));
  for (const arrow of imports.filter(isArrow)) at(folderOf(arrow.from)).add(folderOf(arrow.to));
  return graph;
}

/** The circles of a graph, each as the sorted list of its members (strongly connected components of two and more). */
export function circles(graph) {
  const numbers = new Map();
  const low = new Map();
  const stack = [];
  const found = [];
  const visit = (node) => {
    numbers.set(node, numbers.size);
    low.set(node, numbers.get(node));
    stack.push(node);
    for (const next of graph.get(node) ?? []) {
      if (!numbers.has(next)) visit(next);
      if (stack.includes(next)) low.set(node, Math.min(low.get(node), low.get(next)));
    }
    if (low.get(node) !== numbers.get(node)) return;
    const circle = stack.splice(stack.indexOf(node));
    if (circle.length > 1) found.push(circle.sort());
  };
  for (const node of graph.keys()) if (!numbers.has(node)) visit(node);
  return found;
}

/**
 * The folder graph as text, in the form in which ARCHITECTURE.md has it: a line for each package, below it one for each of
 * its folders, after those that it imports where that is possible. `.` is the package's own top folder.
 */
export function drawn(graph) {
  const short = (folder, name) =>
    folder === name ? '.' : folder.startsWith(`${name}/`) ? folder.slice(name.length + 1) : folder;
  const lines = [];
  for (const name of packages) {
    lines.push(name);
    const own = inOrder(
      [...graph.keys()].filter((folder) => folder === name || folder.startsWith(`${name}/`)).sort(),
      graph,
    );
    const width = Math.max(...own.map((folder) => short(folder, name).length));
    for (const folder of own) {
      const targets = [...graph.get(folder)].map((target) => short(target, name)).sort();
      lines.push(`  ${short(folder, name).padEnd(width)} ← ${targets.join(', ')}`.trimEnd());
    }
  }
  return `${lines.join('\n')}\n`;
}

/** Folders after those that they import; members of a circle in the order of their names. */
function inOrder(folders, graph) {
  const placed = new Set();
  const visit = (folder, open) => {
    if (placed.has(folder) || open.has(folder) || !folders.includes(folder)) return;
    for (const target of [...graph.get(folder)].sort()) visit(target, new Set([...open, folder]));
    placed.add(folder);
  };
  for (const folder of folders) visit(folder, new Set());
  return [...placed];
}

/** The folder graph that ARCHITECTURE.md draws, read from the block that begins with "```folders". Keeps its order. */
export function readDrawing(text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8')) {
  const [, block] = /^```folders\n([\s\S]*?)^```/m.exec(text) ?? [];
  if (block === undefined) throw new Error('ARCHITECTURE.md has no block "```folders".');
  const graph = new Map();
  let name = '';
  for (const line of block.split('\n').filter((line) => line !== '')) {
    if (!line.startsWith(' ')) name = line.trim();
    else {
      const [folder, targets] = line.split('←').map((part) => part.trim());
      const whole = (short) =>
        short === '.' ? name : packages.includes(short.split('/')[0]) ? short : `${name}/${short}`;
      graph.set(whole(folder), new Set(targets === '' ? [] : targets.split(/,\s*/).map(whole)));
    }
  }
  return graph;
}

/** True for a file that exists: an import of one that does not is the compiler's to refuse. */
export const exists = (file) => existsSync(join(root, file));
