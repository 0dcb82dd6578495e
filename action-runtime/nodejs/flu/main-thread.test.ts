import { TestAgent } from '../testing/test-agent.js';
import { zipOf } from '../testing/archives.js';

let agent: TestAgent;
afterEach(() => agent.close());

/** Result of a function with this body. */
async function given(body: string, init = {}, options = {}): Promise<unknown> {
  agent = await TestAgent.with(`async function main(p) { ${body} }`, init, options);
  return (await agent.call()).value;
}

const HOUR_IN_TOKYO = `const { spawnSync } = require('node:child_process');
  return { offset: new Date(0).getTimezoneOffset(), child: spawnSync('date', ['+%z']).stdout.toString().trim() }`;

test('a time zone that code sets counts, here and in children', async () => {
  expect(await given(`process.env.TZ = 'Asia/Tokyo'; ${HOUR_IN_TOKYO}`)).toEqual({ offset: -540, child: '+0900' });
});

test('a time zone that the action brings counts', async () => {
  expect(await given(HOUR_IN_TOKYO, { env: { TZ: 'Asia/Tokyo' } })).toEqual({ offset: -540, child: '+0900' });
});

test('native code sees what is set in the environment', async () => {
  // libuv asks the C library for HOME.
  expect(await given(`process.env.HOME = '/elsewhere'; return { home: require('node:os').homedir() }`)).toEqual({
    home: '/elsewhere',
  });
});

test('a function is on the main thread of an ordinary program', async () => {
  const about = `const threads = require('node:worker_threads'); const cluster = require('node:cluster');
    return { main: threads.isMainThread, id: threads.threadId, port: threads.parentPort, data: threads.workerData, out: process.stdout.fd,
      err: process.stderr.fd, arguments: process.execArgv, argv: process.argv.length, primary: cluster.isPrimary,
      gc: typeof gc, same: global.gc === gc, collects: gc() === undefined,
      ours: Object.keys(process.env).filter((name) => /^(__DF|NODE_OPTIONS|GLIBC)/.test(name)) }`;
  expect(await given(about, {}, { env: { NODE_OPTIONS: '--max-old-space-size=200' } })).toEqual({
    main: true,
    id: 0,
    port: null,
    data: null,
    out: 1,
    err: 2,
    arguments: [],
    argv: 2,
    primary: true,
    gc: 'function',
    same: true,
    collects: true,
    ours: [],
  });
});

test('directory, umask and users can be changed', async () => {
  const change = `process.chdir('/'); const before = process.umask(0o77); process.setgid(process.getgid()); process.setuid(process.getuid());
    return { cwd: process.cwd(), umask: process.umask(), before: typeof before, child: require('node:child_process').execSync('pwd; umask').toString() }`;
  expect(await given(change)).toEqual({ cwd: '/', umask: 0o77, before: 'number', child: '/\n0077\n' });
});

test('signals reach their handlers', async () => {
  expect(
    await given(
      `const got = new Promise((resolve) => process.on('SIGUSR2', resolve)); process.kill(process.pid, 'SIGUSR2'); return { got: await got }`,
    ),
  ).toEqual({ got: 'SIGUSR2' });
});

test('threads and processes that a function starts are as in any program', async () => {
  const start = `const { Worker } = require('node:worker_threads'); const { fork } = require('node:child_process'); const { once } = require('node:events');
    const code = "const t = require('node:worker_threads'); t.parentPort.postMessage({ main: t.isMainThread, data: t.workerData, limit: Math.round(require('node:v8').getHeapStatistics().heap_size_limit / 2 ** 20) < 150 })";
    const thread = new Worker(code, { eval: true, workerData: 7, resourceLimits: { maxOldGenerationSizeMb: 50 } });
    const [fromThread] = await once(thread, 'message');
    const file = require('node:path').join(require('node:fs').mkdtempSync(require('node:os').tmpdir() + '/forked-'), 'child.js');
    require('node:fs').writeFileSync(file, 'process.send({ args: process.execArgv, options: process.env.NODE_OPTIONS ?? null, id: process.env.__OW_ACTIVATION_ID })');
    const child = fork(file);
    const [fromChild] = await once(child, 'message');
    child.disconnect();
    return { fromThread, fromChild }`;
  const value = await given(start, { memoryMiB: 256 }, { env: { NODE_OPTIONS: '--max-old-space-size=256' } });
  expect(value).toEqual({
    fromThread: { main: false, data: 7, limit: true },
    fromChild: { args: [], options: null, id: '00112233445566778899aabbccddeeff' },
  });
});

test('an addon that is made for one thread loads', async () => {
  // As Node refuses one in a thread.
  const code = `if (!require('node:worker_threads').isMainThread) throw Object.assign(new Error('Module did not self-register'), { code: 'ERR_DLOPEN_FAILED' });
    exports.main = (p) => ({ ...p, cwd: process.cwd() === __dirname })`;
  agent = await TestAgent.with(await zipOf({ 'index.js': code }), {}, { runChannel: true });
  expect(agent.runChannel).toBeDefined();
  expect((await agent.call({ a: 1 })).value).toEqual({ a: 1, cwd: true });
});

describe('the variables of an activation', () => {
  const OTHER = { activationId: '0123456789abcdef0123456789abcdef' };

  test.each([
    ['by its name', 'process.env.__OW_ACTIVATION_ID'],
    ['of an object that was kept', 'kept.__OW_ACTIVATION_ID'],
    ['of the named export', '(await import("node:process")).env.__OW_ACTIVATION_ID'],
    ['in a copy', '({ ...process.env }).__OW_ACTIVATION_ID'],
    ['in JSON', 'JSON.parse(JSON.stringify(process.env)).__OW_ACTIVATION_ID'],
    ['by its descriptor', 'Object.getOwnPropertyDescriptor(process.env, "__OW_ACTIVATION_ID").value'],
    ['in a child', 'require("child_process").execSync("echo $__OW_ACTIVATION_ID").toString().trim()'],
    ['in a printed environment', '/__OW_ACTIVATION_ID: .(\\w+)/.exec(require("util").inspect(process.env))[1]'],
  ])('are those of the run that looks: %s', async (_, expression) => {
    agent = await TestAgent.with(
      `const kept = process.env; async function main() { return { id: ${expression}, there: '__OW_ACTIVATION_ID' in process.env } }`,
    );
    const first = { id: '00112233445566778899aabbccddeeff', there: true };
    expect((await agent.call()).value).toEqual(first);
    expect((await agent.call({}, OTHER)).value).toEqual({ id: OTHER.activationId, there: true });
    expect((await agent.call()).value).toEqual(first);
  });

  test('can be changed and removed like others, until the next run', async () => {
    const body = `process.env.__OW_DEADLINE = 'mine'; const mine = process.env.__OW_DEADLINE; delete process.env.__OW_ACTIVATION_ID;
      process.env.OTHER = 1; return { mine, id: process.env.__OW_ACTIVATION_ID ?? null, other: process.env.OTHER, deleted: !('__OW_ACTIVATION_ID' in process.env) }`;
    const value = { mine: 'mine', id: null, other: '1', deleted: true };
    expect(await given(body)).toEqual(value);
    expect((await agent.call()).value).toEqual(value);
  });

  test('take no memory that stays', async () => {
    agent = await TestAgent.with(
      `function main({ measure }) {
        if (!measure) return { id: process.env.__OW_ACTIVATION_ID };
        gc(); const { rss, heapTotal } = process.memoryUsage(); return { besideTheHeap: rss - heapTotal }; }`,
      {},
      { runChannel: true },
    );
    const afterMany = async (): Promise<number> => {
      for (let batch = 0; batch < 50; batch++) {
        const ids = Array.from({ length: 1000 }, (_, i) =>
          agent.run({}, { activationId: (batch * 1000 + i).toString(16).padStart(32, '0') }),
        );
        await agent.result(ids.at(-1)!);
        agent.seen.length = 0;
      }
      return ((await agent.call({ measure: true })).value as { besideTheHeap: number }).besideTheHeap;
    };
    await afterMany();
    const before = await afterMany();
    await afterMany();
    // The C library would keep some 20 MB.
    expect((await afterMany()) - before).toBeLessThan(12e6);
  }, 120_000);
});
