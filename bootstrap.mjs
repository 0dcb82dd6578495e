/**
 * The entry: every script of package.json that runs something comes here, also on a clone that has never been installed or
 * built. Installs when packages are missing, builds when a source has changed since the last build, then runs the command
 * with its arguments. Plain JavaScript with Node's own modules alone, because it runs before anything else is installed.
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

/** The kinds of tests (jest.config.js says which file is of which), each with a command of its own. */
const kinds = {
  unit: 'tests of one piece of code, which start no other process',
  stress: 'the same with random programs, large inputs and limits: longer',
  contract: "tests of OpenWhisk's REST contract",
  integration: 'tests that start servers, containers and command lines',
  faults: 'tests with killed processes, full disks and hostile functions',
  docker: 'tests that need a Docker engine',
  couchdb: 'tests that need CouchDB',
};
const test = (args, kind = []) => node([...jest, ...args, ...kind], { cwd: root });

/** The commands, which run once everything is installed and built; paths are relative to the top folder. */
const commands = {
  demo: { what: 'word count by data flow', run: (args) => node(['experiments/dist/demo/main.js', ...args]) },
  test: { what: 'all tests, or those whose path is given', run: (args) => test(args) },
  ...Object.fromEntries(
    Object.entries(kinds).map(([kind, what]) => [
      `test:${kind}`,
      { what, run: (args) => test(args, ['--selectProjects', kind]) },
    ]),
  ),
  'test:watch': { what: 'the unit tests, again after each change of a source', run: watch },
  bench: { what: 'one measurement, by name', run: (args) => node(['experiments/dist/bench/main.js', ...args]) },
  dataflower: { what: 'the command line of the platform', run: dataflower },
  images: {
    what: 'the image of the action runtime',
    run: (args) => node(['action-runtime/dist/images/main.js', ...args]),
  },
  services: {
    what: 'services that tests need besides Node: up, down, status',
    run: (args) => node(['deploy/services/dist/cli/main.js', ...args]),
  },
  verify: { what: 'format, types, lint, tests and docs, or those that are named', run: verify },
};

/** The steps of `verify`: each runs, also after one that failed. */
const checks = [
  { name: 'format', run: () => node(['node_modules/prettier/bin/prettier.cjs', '--check', '.'], { cwd: root }) },
  { name: 'types', run: () => node(tsc, { cwd: root }) },
  { name: 'lint', run: () => node(['node_modules/eslint/bin/eslint.js', '.'], { cwd: root }) },
  { name: 'tests', run: () => node(jest, { cwd: root }) },
  { name: 'docs', run: () => node(['.ci/check-docs.mjs'], { cwd: root }) },
];

const say = (text) => process.stderr.write(`${text}\n`);

/**
 * Calls back once when npm, the parent of this process, is gone: npm passes on SIGINT and SIGTERM only, and no signal that it
 * cannot catch. Returns the function that ends the watch. Without npm as its parent this process outlives its parent.
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

/** Runs a program to its end and returns its exit status; passes on signals that this process gets. */
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

/** Functions can read the environment of this process as they can the server's: see there. */
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

/** A digest of the names, times and sizes of all files that the compiler reads, and of the presence of its output. */
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

/** Removes the output of sources that are gone: a deleted test must not run on. */
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

/** Compiles after each change; jest sees what was compiled. Ends when jest does. */
async function watch(args) {
  const compiler = spawn(process.execPath, [...tsc, '--watch', '--preserveWatchOutput'], {
    cwd: root,
    stdio: 'inherit',
  });
  try {
    return await test(['--watchAll', ...args], ['--selectProjects', 'unit']);
  } finally {
    compiler.kill();
  }
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
  const lines = Object.entries(commands).map(([name, { what }]) => `  ${name.padEnd(18)}${what}`);
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
