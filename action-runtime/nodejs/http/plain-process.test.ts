import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { zipOf } from '../testing/archives.js';
import { HttpRuntime, MARKER } from '../testing/http-runtime.js';

// Without an agent the runtime is an ordinary Node program, and the function is in its only thread.

let runtime: HttpRuntime;
beforeEach(async () => (runtime = await HttpRuntime.start()));
afterEach(() => runtime.close());

/** Result of a function with this body. */
async function result(body: string, more: object = {}): Promise<unknown> {
  expect(await runtime.init(`function main(args) { ${body} }`, more)).toMatchObject({ status: 200 });
  return (await runtime.run({})).body;
}

test('logs are what the function writes, however it writes, in its order and whole', async () => {
  await result(`
    const { writeSync } = require('fs');
    console.log('first');
    writeSync(1, 'raw\\n');
    console.log('between');
    require('child_process').execSync('echo from a child', { stdio: 'inherit' });
    console.log('x'.repeat(1 << 20));
    console.error('y'.repeat(1 << 20));
    return {};`);
  await runtime.marked(1);
  expect(runtime.out === `first\nraw\nbetween\nfrom a child\n${'x'.repeat(1 << 20)}\n${MARKER}\n`).toBe(true);
  expect(runtime.err === `${'y'.repeat(1 << 20)}\n${MARKER}\n`).toBe(true);
});

test('markers come when the function has replaced the console', async () => {
  await result('console.log = console.error = () => {}; return {};');
  await runtime.marked(1);
  expect([runtime.out, runtime.err]).toEqual([`${MARKER}\n`, `${MARKER}\n`]);
});

test('the environment is there while the code loads', async () => {
  const names = ['__OW_ACTIVATION_ID', '__OW_TRANSACTION_ID', '__OW_DEADLINE', '__OW_ACTION_NAME'];
  const env = Object.fromEntries(names.map((name) => [name, `of ${name}`]));
  const code = `const seen = ${JSON.stringify(names)}.map((name) => process.env[name]); const main = () => ({ seen });`;
  await runtime.init(code, { env });
  expect((await runtime.run({})).body).toEqual({ seen: Object.values(env) });
});

test('the environment is the real one: a time zone counts, and native code sees it', async () => {
  const hours = 'new Date(0).getHours()';
  const own = `const first = ${hours}; process.env.TZ = 'Asia/Tokyo'; const set = ${hours};`;
  const shell = "require('child_process').execSync('date -d @0 +%H; echo $TZ').toString()";
  expect(await result(`${own} return { first, set, shell: ${shell} };`, { env: { TZ: 'Asia/Dubai' } })).toEqual({
    first: 4,
    set: 9,
    shell: '09\nAsia/Tokyo\n',
  });
});

test('the function is on the main thread and may change the process', async () => {
  const body = `
    const { isMainThread } = require('worker_threads');
    process.chdir('/');
    const mask = process.umask(0o77);
    return { isMainThread, cwd: process.cwd(), umask: process.umask(), fd: process.stdout.fd };`;
  expect(await result(body)).toEqual({ isMainThread: true, cwd: '/', umask: 0o77, fd: 1 });
});

test('garbage can be collected, as OpenWhisk lets actions do', async () => {
  const body = `
    gc();
    const before = process.memoryUsage().heapUsed;
    let held = Array.from({ length: 1e6 }, (_, i) => ({ i }));
    const full = process.memoryUsage().heapUsed;
    held = undefined;
    gc();
    return { type: typeof globalThis.gc, freed: full - process.memoryUsage().heapUsed > (full - before) / 2 };`;
  expect(await result(body)).toEqual({ type: 'function', freed: true });
});

test('gc is an ordinary global, which code may replace', async () => {
  expect(await result('globalThis.gc = 5; return { gc: globalThis.gc, key: "gc" in globalThis };')).toEqual({
    gc: 5,
    key: true,
  });
});

test("an archive's folder is the directory of the process", async () => {
  const archive = await zipOf({ 'index.js': 'exports.main = () => ({ cwd: process.cwd() })' });
  await runtime.init(archive.toString('base64'), { binary: true });
  const { cwd } = (await runtime.run({})).body as { cwd: string };
  expect(readlinkSync(`/proc/${runtime.child.pid!}/cwd`)).toBe(cwd);
});

test.each([
  ['process.exit', 'process.exit(7)', 7, ''],
  ['process.exit later', 'setTimeout(() => process.exit(8)); return new Promise(() => {})', 8, ''],
  ['an uncaught error', 'setTimeout(() => { throw new Error("late") })', 1, 'Error: late'],
  ['an unhandled rejection', 'Promise.reject(new Error("lost"))', 1, 'Error: lost'],
])('%s ends the process, and the caller loses its connection', async (_, body, code, said) => {
  await runtime.init(`function main() { ${body}; return new Promise(() => {}) }`);
  const exit = once(runtime.child, 'exit');
  await expect(runtime.run({})).rejects.toThrow();
  expect(await exit).toEqual([code, null]);
  expect(runtime.err).toContain(said);
});

test('process.exit while the code loads ends the process', async () => {
  const exit = once(runtime.child, 'exit');
  await expect(runtime.init('process.exit(3)')).rejects.toThrow();
  expect(await exit).toEqual([3, null]);
});
