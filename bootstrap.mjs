/**
 * The way in: `npm run demo`, `npm test`, `npm run bench -- NAME`, `npm run dataflower -- ARGS`, `npm run services -- …` and
 * `npm run verify` come here, also on a clone that has never been installed or built. Installs when packages are missing, builds when a
 * source has changed since the last build, then runs the command with its arguments. Plain JavaScript and nothing but
 * Node's own modules, because it runs before anything else is there.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(fileURLToPath(import.meta.url));
const workspaces = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).workspaces;
const tsc = ['node_modules/typescript/bin/tsc', '-b'];
const bundle = 'action-runtime/bundle.mjs';
const jest = ['--experimental-vm-modules', '--no-warnings', 'node_modules/jest/bin/jest.js', '--config=jest.config.js'];
const stampFile = join(root, 'node_modules/.cache/dataflower-build');

/** What each command runs once everything is there; paths are the top folder's. */
const commands = {
  demo: { what: 'word count by data flow', run: (args) => node(['experiments/dist/demo/main.js', ...args]) },
  test: { what: 'all tests, or those whose path is given', run: (args) => node([...jest, ...args], { cwd: root }) },
  bench: { what: 'one measurement, by name', run: (args) => node(['experiments/dist/bench/main.js', ...args]) },
  dataflower: { what: 'the command line of the platform', run: dataflower },
  images: {
    what: 'the image of the action runtime',
    run: (args) => node(['action-runtime/dist/images/main.js', ...args]),
  },
  services: {
    what: 'what tests need besides Node: up, down, status',
    run: (args) => node(['deploy/services/dist/cli/main.js', ...args]),
  },
  verify: { what: 'format, types, lint, tests and docs, or those that are named', run: verify },
};

/** The steps of `verify`: all of them run, whatever the others say. */
const checks = [
  { name: 'format', run: () => node(['node_modules/prettier/bin/prettier.cjs', '--check', '.'], { cwd: root }) },
  { name: 'types', run: () => node(tsc, { cwd: root }) },
  { name: 'lint', run: () => node(['node_modules/eslint/bin/eslint.js', '.'], { cwd: root }) },
  { name: 'tests', run: () => node(jest, { cwd: root }) },
  { name: 'docs', run: () => node(['.ci/check-docs.mjs'], { cwd: root }) },
];

const say = (text) => process.stderr.write(`${text}\n`);

/**
 * Calls back once when npm, which has started us, is gone: it passes on SIGINT and SIGTERM only, and of a signal that it
 * cannot catch nobody hears. Gives what ends the watch. Who starts us without npm may end before us.
 */
function onNpmGone(callback) {
  if (!process.env.npm_lifecycle_script?.includes('bootstrap.mjs')) return () => undefined;
  const npm = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === npm) return;
    clearInterval(timer);
    callback();
  }, 500);
  return () => clearInterval(timer);
}

/** Runs a program to its end and gives its exit status; a signal that reaches us goes on to it. */
function run(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit', ...options });
    const endWatch = onNpmGone(() => child.kill('SIGTERM'));
    // A terminal sends its interrupt to the whole group, so the child has it already.
    const pass = (signal) => (signal === 'SIGINT' && process.stdin.isTTY ? undefined : child.kill(signal));
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, pass);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      endWatch();
      for (const name of signals) process.off(name, pass);
      resolve(code ?? 128 + constants.signals[signal]);
    });
  });
}

/** Runs Node on a file of this repository, in the caller's folder unless told otherwise. */
function node([...args], options) {
  const file = args.findIndex((arg) => !arg.startsWith('-'));
  args[file] = join(root, args[file]);
  return run(process.execPath, args, options);
}

/** What this process was started with is as readable for functions as what the server was: see there. */
async function dataflower(args) {
  const { hideEnvironment } = await import('./dataflower/dist/cli/hidden-environment.js');
  hideEnvironment(process.env);
  return node(['dataflower/dist/cli/main.js', ...args]);
}

/** Runs one step of the set-up: its time counts up on a terminal, in a pipe it is one line; its output goes to stderr. */
async function step(text, program, args) {
  const started = Date.now();
  const seconds = () => `${Math.round((Date.now() - started) / 1000)} s`;
  const live = process.stderr.isTTY;
  let printed = false;
  const tick = () => process.stderr.write(`\r${text} ${seconds()} `);
  const timer = live ? setInterval(tick, 500) : undefined;
  if (live) tick();
  else say(text);
  const output = [];
  const code = await new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output.push(chunk));
    const stop = (signal) => child.kill(signal);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, stop);
    child.once('error', reject);
    child.once('close', (status, signal) => {
      for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(name, stop);
      printed = signal !== null;
      resolve(status ?? 128 + constants.signals[signal]);
    });
  }).finally(() => clearInterval(timer));
  if (live) say(`\r${text} ${code === 0 ? 'done in' : 'failed after'} ${seconds()}`);
  if (code === 0) return;
  if (!printed) process.stderr.write(Buffer.concat(output));
  process.exit(code > 128 ? code : 1);
}

/** True when a package of the lock file is missing or has another version. Packages for other systems do not count. */
function packagesMissing() {
  const read = (file) => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).packages : undefined);
  const present = read(join(root, 'node_modules/.package-lock.json'));
  if (present === undefined) return true;
  return Object.entries(read(join(root, 'package-lock.json')) ?? {}).some(
    ([path, wanted]) =>
      path.startsWith('node_modules/') && !wanted.optional && present[path]?.version !== wanted.version,
  );
}

async function install() {
  if (!packagesMissing()) return;
  // `npm ci` empties node_modules first, which is right only when there is nothing to lose.
  const clean = !existsSync(join(root, 'node_modules')) && existsSync(join(root, 'package-lock.json'));
  const args = [clean ? 'ci' : 'install', '--no-audit', '--no-fund', '--no-progress'];
  const npm = process.env.npm_execpath;
  const text = 'Installing packages (this happens once) …';
  if (npm?.endsWith('.js')) await step(text, process.execPath, [npm, ...args]);
  else await step(text, 'npm', args);
}

function* files(folder, wanted) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === 'node_modules' || entry.name === 'dist') continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* files(path, wanted);
    else if (wanted.test(entry.name)) yield path;
  }
}

/** A digest of names, times and sizes of everything that the compiler reads, and of which outputs are there. */
function sourceDigest() {
  const hash = createHash('sha256');
  const add = (path) => {
    const { mtimeMs, size } = statSync(path);
    hash.update(`${relative(root, path)} ${mtimeMs} ${size}\n`);
  };
  for (const path of [
    'package.json',
    'tsconfig.json',
    'tsconfig.base.json',
    'node_modules/.package-lock.json',
    bundle,
  ]) {
    add(join(root, path));
  }
  for (const workspace of workspaces) {
    for (const path of files(join(root, workspace), /(\.ts|^tsconfig(\.\w+)?\.json|^package\.json)$/)) add(path);
    hash.update(`${workspace} ${existsSync(join(root, workspace, 'dist'))}\n`);
  }
  return hash.digest('hex');
}

/** Removes what was compiled from a source that is gone: a deleted test must not run on. */
function removeStale(workspace, folder = '') {
  const dist = join(root, workspace, 'dist', folder);
  if (!existsSync(dist)) return;
  for (const entry of readdirSync(dist, { withFileTypes: true })) {
    if (entry.isDirectory()) removeStale(workspace, join(folder, entry.name));
    const stem = entry.name.slice(0, -'.d.ts'.length);
    if (!entry.name.endsWith('.d.ts') || existsSync(join(root, workspace, folder, `${stem}.ts`))) continue;
    for (const suffix of ['.js', '.js.map', '.d.ts', '.d.ts.map']) rmSync(join(dist, stem + suffix), { force: true });
  }
}

async function build() {
  for (const workspace of workspaces) removeStale(workspace);
  const digest = sourceDigest();
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === digest) return;
  await step('Building …', process.execPath, tsc);
  await step('Bundling the runtime …', process.execPath, [bundle]);
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, sourceDigest());
}

async function verify(names) {
  const unknown = names.find((name) => !checks.some((check) => check.name === name));
  if (unknown !== undefined) {
    say(`There is no check "${unknown}"; there are ${checks.map(({ name }) => name).join(', ')}.`);
    return 2;
  }
  const failed = [];
  for (const check of names.length === 0 ? checks : checks.filter(({ name }) => names.includes(name))) {
    say(`\n== ${check.name}`);
    if ((await check.run()) !== 0) failed.push(check.name);
  }
  say(failed.length === 0 ? '\nverify: all passed' : `\nverify: failed: ${failed.join(', ')}`);
  return failed.length === 0 ? 0 : 1;
}

function usage() {
  const lines = Object.entries(commands).map(([name, { what }]) => `  ${name.padEnd(12)}${what}`);
  return `usage: node bootstrap.mjs COMMAND [ARGUMENTS]\n\n${lines.join('\n')}`;
}

async function main([name, ...args]) {
  const command = Object.hasOwn(commands, name ?? '') ? commands[name] : undefined;
  if (command === undefined) {
    const asked = name === '--help' || name === '-h';
    say(asked || name === undefined ? usage() : `There is no command "${name}".\n\n${usage()}`);
    return asked ? 0 : 2;
  }
  await install();
  // `verify` has a step of its own for the types, which must be reached when they are wrong.
  if (name !== 'verify') await build();
  else for (const workspace of workspaces) removeStale(workspace);
  return command.run(args);
}

if (Number(process.versions.node.split('.')[0]) < 20) {
  say(`DataFlower needs Node.js 20 or later; this is ${process.version}. Get it from https://nodejs.org/.`);
  process.exitCode = 2;
} else {
  main(process.argv.slice(2)).then(
    (code) => (process.exitCode = code),
    (error) => {
      say(`bootstrap: ${error.message}`);
      process.exitCode = 1;
    },
  );
}
