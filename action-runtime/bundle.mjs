/**
 * Makes the runtime's programs, the DLU's, the FLU's and that of OpenWhisk's /init and /run, into one CommonJS file each: a
 * container that starts reads two files instead of forty modules, which is half of what a cold start takes beyond Node's
 * own. What few containers need (archives) stays where it is and is loaded from there.
 *
 * Runs after the compiler. `inputs.json` names what it was made of, so that a bundle which is older than a later build
 * is not used (`nodejs/index.ts`). Plain JavaScript, as it makes what the compiler made.
 */
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const dist = fileURLToPath(new URL('dist/', import.meta.url));
const source = join(dist, 'nodejs');
const target = join(dist, 'bundle');

/** Modules that are imported when they are needed are not put in. */
const loadedLater = {
  name: 'loaded-later',
  setup({ onResolve }) {
    onResolve({ filter: /^\./ }, ({ kind, path, resolveDir, importer }) => {
      if (kind !== 'dynamic-import') return undefined;
      // Every program is in a folder of its own, one below the bundle's.
      const entry = join(target, relative(source, dirname(importer)).split('/')[0] || 'dlu');
      return { path: relative(entry, resolve(resolveDir, path)), external: true };
    });
  },
};

/** The program of /init and /run is a file of its own, which `require` reads faster than `import`. */
const ownFile = {
  name: 'own-file',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.\/http\/start\.js$/, namespace: 'file' }, () => ({
      path: '../http/start.js',
      namespace: 'own-file',
    }));
    onResolve({ filter: /./, namespace: 'own-file' }, ({ path }) => ({ path, external: true }));
    onLoad({ filter: /./, namespace: 'own-file' }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)});`,
    }));
  },
};

rmSync(target, { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: dist,
  entryPoints: {
    'dlu/main': join(source, 'main.js'),
    'flu/thread': join(source, 'flu/thread.js'),
    'http/start': join(source, 'http/start.js'),
  },
  outdir: target,
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  // Comments name where a piece came from; the code is for people who debug it.
  legalComments: 'inline',
  banner: { js: 'const moduleUrl = require("node:url").pathToFileURL(__filename).href;' },
  define: { 'import.meta.url': 'moduleUrl' },
  plugins: [ownFile, loadedLater],
  metafile: true,
  logLevel: 'warning',
});

const inputs = {};
for (const path of Object.keys(metafile.inputs)) {
  if (path.startsWith('own-file:')) continue;
  const { size, mtimeMs } = statSync(join(dist, path));
  inputs[path] = [size, mtimeMs];
}
mkdirSync(target, { recursive: true });
writeFileSync(join(target, 'package.json'), '{ "type": "commonjs" }\n');
// Last: without it the bundle is not used.
writeFileSync(join(target, 'inputs.json'), `${JSON.stringify(inputs)}\n`);
