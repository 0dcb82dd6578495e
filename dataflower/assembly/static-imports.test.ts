import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const DIST = fileURLToPath(new URL('..', import.meta.url));
/** `import … from 'x'`, `export … from 'x'` and `import 'x'`; an `import('x')` loads its module on demand. */
const STATIC = /^(?:import|export)\b(?:[^'"()]*?\bfrom)?\s*['"]([^'"]+)['"]/gm;
const OWN = '@dataflower/';

/** Everything that is loaded with these modules: our own files, and the names of packages. */
function loadedWith(entries: readonly string[]): { readonly files: Set<string>; readonly packages: Set<string> } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const waiting = entries.map((entry) => resolve(DIST, entry));
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    for (const [, name] of readFileSync(file, 'utf8').matchAll(STATIC)) {
      if (name!.startsWith('.')) {
        waiting.push(resolve(dirname(file), name!));
        continue;
      }
      packages.add(name!.split('/', name!.startsWith('@') ? 2 : 1).join('/'));
      if (name!.startsWith(OWN)) waiting.push(createRequire(file).resolve(name!));
    }
  }
  return { files, packages };
}

const OF_THE_GATEWAY = ['@dataflower/plugin', 'express', 'classic-level'];

test('the executable of a host loads nothing of the gateway', () => {
  const { files, packages } = loadedWith(['cli/main.js', 'config/index.js', 'assembly/shim.js']);
  expect([...packages].filter((name) => OF_THE_GATEWAY.includes(name))).toEqual([]);
  expect(packages).toContain('@dataflower/invoker-shim');
  expect(files.size).toBeGreaterThan(100);
});

test('the executable of a gateway loads them', () => {
  const { packages } = loadedWith(['assembly/plugin.js']);
  expect([...packages]).toEqual(expect.arrayContaining(['@dataflower/plugin', 'express']));
});

test('the command line loads neither side before a command asks for it', () => {
  const { packages } = loadedWith(['cli/main.js']);
  expect([...packages].filter((name) => /plugin|invoker-shim|dockerode|express/.test(name))).toEqual([]);
});
