import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runtimeEntry } from '@dataflower/action-runtime/nodejs';
import { until } from '@dataflower/common/testing';
import { createExecutor } from '../pool/container-executor.js';
import type { Executor, ContainerSpec } from '../executor.js';
import { openHandles } from '../testing/leaks.js';
import { MemorySink } from '../../sink/testing/memory-sink.js';
import { type TestRun, type TestRunOptions, execute, testSpec } from '../testing/test-runs.js';
import { HttpProcessDriver } from './testing/http-process-driver.js';

const odd = fileURLToPath(new URL('./testing/odd-image.js', import.meta.url));
const images = {
  odd: { entry: odd, portVariable: 'PORT' },
  late: { entry: odd, portVariable: 'PORT', env: { DELAY: '400' } },
  deaf: { entry: odd, portVariable: 'PORT', env: { DELAY: '-1' } },
  broken: { entry: path.join(os.tmpdir(), 'there-is-no-such-program.js'), portVariable: 'PORT' },
  node: { entry: runtimeEntry, portVariable: '__DF_HTTP_PORT' },
};
const MESSAGE_BYTES = 4_000_000;

let sink: MemorySink;
let executor: Executor;
let driver: HttpProcessDriver;
let socketDir: string;
let openBefore: number;

beforeEach(() => {
  openBefore = openHandles().length;
  sink = new MemorySink();
  sink.useFiles();
  socketDir = mkdtempSync(path.join(os.tmpdir(), 'dff-'));
  openExecutor(60_000);
});

function openExecutor(helloTimeoutMs: number): void {
  driver = new HttpProcessDriver(images);
  executor = createExecutor({
    sink,
    socketDir,
    driver,
    maxContainers: 3,
    helloTimeoutMs,
    openWhiskMessageBytes: MESSAGE_BYTES,
  });
}

afterEach(async () => {
  await executor.close(1000);
  await until(() => openHandles().length <= openBefore, { what: 'every process, socket and timer is gone' });
  const left = { sockets: readdirSync(socketDir), values: sink.live, offers: sink.offers };
  rmSync(socketDir, { recursive: true });
  await sink.close();
  expect(left).toEqual({ sockets: [], values: 0, offers: 0 });
});

type Over = Partial<ContainerSpec> & { code?: string };

async function run(params: unknown, over: Over = {}, options: TestRunOptions = {}): Promise<TestRun> {
  const it = execute(executor, sink, testSpec({ image: 'odd', key: 'guest/odd@1', ...over }), {
    ...options,
    input: options.input ?? sink.of(params),
  });
  await it.done;
  return it;
}

const texts = (it: TestRun): string[] => it.end!.logs.map((line) => line.slice(31));
const runDied = 'The action did not produce a valid response and exited unexpectedly.';

describe('what an OpenWhisk runtime is told', () => {
  it('is the code and the environment at /init, and at /run what OpenWhisk says beside the parameters', async () => {
    const spec = testSpec({ image: 'odd' });
    const load = async (): ReturnType<ContainerSpec['load']> => {
      const { init } = await spec.load();
      const env = {
        __OW_NAMESPACE: 'guest',
        __OW_ACTION_NAME: '/guest/a',
        __OW_ACTION_VERSION: '0.0.3',
        __OW_API_KEY: 'uuid:key',
        __OW_API_HOST: 'http://api',
      };
      return { init: { ...init, env, parameters: { bound: 1, a: 'hidden' } }, code: Buffer.from('ok') };
    };
    const it = await run({ a: 'given' }, { load });
    expect(it.end).toMatchObject({ status: 0, coldStart: true });
    const { value, beside } = it.end!.value as { value: unknown; beside: Record<string, string> };
    expect(value).toEqual({ bound: 1, a: 'given' });
    expect(beside).toEqual({
      namespace: 'guest',
      action_name: '/guest/a',
      action_version: '0.0.3',
      activation_id: it.activationId,
      transaction_id: 'tid',
      deadline: expect.stringMatching(/^\d{13}$/),
      api_host: 'http://api',
      api_key: 'uuid:key',
    });
  });

  it('is at /init the activation that the container is started for', async () => {
    const it = await run({ do: 'init' });
    expect(it.end!.value).toMatchObject({
      __OW_ACTIVATION_ID: it.activationId,
      __OW_TRANSACTION_ID: 'tid',
      __OW_DEADLINE: expect.stringMatching(/^\d{13}$/),
    });
  });

  it.each([
    [
      [1, { a: 2 }],
      [1, { a: 2 }],
    ],
    ['text', { value: 'text' }],
    [null, {}],
    [Buffer.from('bytes'), { value: Buffer.from('bytes').toString('base64') }],
    [{ deep: [Buffer.from('bytes'), { $b: 1 }] }, { deep: [Buffer.from('bytes').toString('base64'), { $b: 1 }] }],
  ])('of %j as parameters', async (given, told) => {
    expect((await run(given)).end!.value).toMatchObject({ value: told });
  });

  it('of several input ports are their names with their values, without the bound parameters', async () => {
    const input = sink.record([
      ['left', sink.of({ l: 1 })],
      ['right', sink.list([sink.of({ r: 1 }), sink.putFile(Buffer.from('\0{"r":2}'), 1)])],
    ]);
    const it = await run(undefined, {}, { input, definition: { outputs: [], ports: true } });
    expect(it.end!.value).toMatchObject({ value: { left: { l: 1 }, right: [{ r: 1 }, { r: 2 }] } });
  });

  it('may be large, and so may be what it answers', async () => {
    const given = { text: 'ä'.repeat(500_000), bytes: Buffer.alloc(300_000, 7) };
    const it = await run(given);
    expect(it.end).toMatchObject({ status: 0 });
    const { value } = it.end!.value as { value: { text: string; bytes: string } };
    expect(value.text === given.text && value.bytes === given.bytes.toString('base64')).toBe(true);
  });

  it('has the bound parameters and the environment, however large both are', async () => {
    const spec = testSpec({ image: 'odd' });
    const bound = 'ä'.repeat(700_000);
    const load = async (): ReturnType<ContainerSpec['load']> => {
      const { init } = await spec.load();
      const env = { __OW_NAMESPACE: 'guest', LONG: bound };
      return { init: { ...init, env, parameters: { bound } }, code: Buffer.from('ok') };
    };
    const it = await run({ given: 1 }, { load, key: 'guest/odd@2' });
    expect(it.end).toMatchObject({ status: 0 });
    const { value } = it.end!.value as { value: { bound: string; given: number } };
    expect([value.bound === bound, value.given]).toEqual([true, 1]);
  });

  it('is not more than the limit; the container goes on', async () => {
    const it = await run({ text: 'x'.repeat(MESSAGE_BYTES) });
    expect(it.end).toMatchObject({ status: 1 });
    expect(it.error).toMatch(/^The input of the action is larger than its image may be sent: \d+ > 4000000 bytes\./);
    // Base64 makes it larger than it came.
    const bytes = await run({ bytes: Buffer.alloc(3_500_000) });
    expect(bytes.error).toMatch(
      /^The input of the action is larger than its image may be sent: 46\d+ > 4000000 bytes\./,
    );
    expect((await run({ still: 'here' })).end).toMatchObject({ status: 0, coldStart: false });
    expect(driver.started).toHaveLength(1);
  });

  it('goes on a connection that is kept, where its server says that it keeps it, and else on a new one', async () => {
    const connections = async (params: object): Promise<number> => (await run(params)).end!.value as never;
    await connections({ do: 'kept' });
    expect(await connections({ do: 'kept' })).toEqual({ connections: 2 });
    expect(await connections({ do: 'kept' })).toEqual({ connections: 2 });
    expect(await connections({})).toMatchObject({ connections: 2 });
    expect(await connections({})).toMatchObject({ connections: 3 });
  });
});

describe('an answer of /run', () => {
  const status = (code: number, body: string) => ({ do: 'status', status: code, body });

  it.each([
    [200, '[1,2]', 0, [1, 2]],
    [200, '{"error":"e","more":1}', 1, { error: 'e' }],
    [200, '{"error":null}', 1, { error: null }],
    [502, '{"error":{"code":7},"more":1}', 2, { error: { code: 7 } }],
    [404, '{"a":1}', 2, { error: 'The action did not produce a valid JSON or JSON Array response: {"a":1}' }],
    [200, '"text"', 2, { error: 'The action did not produce a valid JSON or JSON Array response: "text"' }],
    [200, 'null', 2, { error: 'The action did not produce a valid JSON or JSON Array response: null' }],
    [200, '{"a":', 2, { error: 'The action did not produce a valid JSON or JSON Array response: {"a":' }],
    [200, '', 2, { error: 'The action did not produce a valid JSON or JSON Array response.' }],
    [500, '[1]', 2, { error: 'The action did not produce a valid JSON or JSON Array response: [1]' }],
  ])('%d %s ends the run with status %d', async (code, body, expected, value) => {
    const it = await run(status(code, body));
    expect(it.end).toMatchObject({ status: expected, value, timedOut: false });
  });

  it.each(['noLength', 'chunked', 'notHttp', 'hugeHeader', 'upgrade', 'twoLengths', 'both', 'cut', 'exits'])(
    'that is none (%s) is a container that died',
    async (kind) => {
      const it = await run({ do: kind });
      expect(it.end).toMatchObject({ status: 2, value: { error: runDied } });
      expect((await run({ again: true })).end).toMatchObject({ status: 0, coldStart: true });
    },
  );

  it('over the limit is cut, whatever length it claims, and the container goes on', async () => {
    const it = await run({ do: 'large', bytes: MESSAGE_BYTES });
    expect(it.end).toMatchObject({ status: 1 });
    const text = it.error as string;
    expect(text).toMatch(
      /^The action produced a response that exceeded the allowed length: 4000011 > 4000000 bytes\. The truncated response was: \{"text":"z+$/,
    );
    expect(text.length).toBeLessThan(1_100_000);
    expect((await run({ do: 'endless' })).error).toMatch(/allowed length: 1000000000000 > 4000000 bytes/);
    expect((await run({ do: 'lies' }, { timeoutMs: 3000, key: 'guest/lies@1' })).end).toMatchObject({ status: 2 });
    expect((await run({ still: 'here' })).end).toMatchObject({ status: 0, coldStart: false });
  });

  it('within the limit is taken, slow or large, and what follows it is not', async () => {
    const large = await run({ do: 'large', bytes: 3_000_000 });
    expect((large.end!.value as { text: string }).text).toHaveLength(3_000_000);
    expect((await run({ do: 'trickle' })).end!.value).toEqual({ ok: true });
    expect((await run({ do: 'interim' })).end!.value).toEqual({ ok: true });
    const { end } = await run({ do: 'interimForEver' }, { key: 'guest/interim@1' });
    expect(end).toMatchObject({ status: 2, timedOut: false });
    expect((await run({ do: 'more' })).end!.value).toEqual({ ok: true });
    expect((await run({ do: 'more' })).end!.value).toEqual({ ok: true });
  });

  it('that is nested too deep to be written again is an error of the action alone', async () => {
    const it = await run({ do: 'deep' });
    expect(it.end).toMatchObject({ status: 2 });
    expect(it.error).toMatch(/^The response of the action could not be read: /);
    expect((await run({ still: 'here' })).end).toMatchObject({ status: 0 });
  });

  it('that grows when it is read does so apart from the agent', async () => {
    let longest = 0;
    let last = performance.now();
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 1);
    const it = await run({ do: 'bomb', bytes: 3_900_000 });
    clearInterval(timer);
    expect(it.end).toMatchObject({ status: 0 });
    const began = performance.now();
    JSON.parse(`{"a":[${'[],'.repeat(1_300_000)}0]}`);
    expect(longest).toBeLessThan(performance.now() - began);
  });
});

describe('the logs of an OpenWhisk runtime', () => {
  it('are complete when it marks their end, which is not shown', async () => {
    await run({ do: 'marked', text: 'first' });
    const it = await run({ do: 'marked', text: 'second' });
    expect(texts(it).sort()).toEqual(['stderr: err', 'stdout: out second']);
  });

  it('are what is there when it marks no end', async () => {
    expect(texts(await run({ do: 'unmarked' }))).toEqual(['stdout: no marker follows']);
    expect(texts(await run({ do: 'unmarked' }))).toEqual(['stdout: no marker follows']);
  });

  it('are followed by a warning when the end is marked on one stream alone', async () => {
    expect(texts(await run({ do: 'half' }))).toEqual([
      'stderr: There was an issue while collecting your logs. Data might be missing.',
    ]);
  });

  it('are cut at the limit', async () => {
    const it = await run({ do: 'many' }, { logLimitBytes: 5000 });
    const lines = texts(it);
    expect(lines.at(-1)).toBe(
      'stderr: Logs were truncated because the total bytes size exceeds the limit of 5000 bytes.',
    );
    expect(lines.join('').length).toBeLessThan(6000);
    expect(texts(await run({ do: 'marked' }, { logLimitBytes: 5000 })).length).toBe(2);
  });

  it('of an /init that fails go to the run that waited for it', async () => {
    const it = await run({}, { code: 'error' });
    expect(it.end).toMatchObject({ status: 2, value: { error: 'no such thing' } });
    expect(texts(it)).toEqual(expect.arrayContaining(['stderr: it does not load']));
  });
});

describe('an OpenWhisk runtime that does not come up', () => {
  it.each([
    ['object', '{"code":7}'],
    ['text', 'The action failed during initialization: broken'],
    ['empty', 'The action failed during initialization.'],
    ['exits', 'The action did not initialize and exited unexpectedly.'],
    ['drop', 'The action did not initialize and exited unexpectedly.'],
  ])('at /init (%s) ends the run with what it says', async (code, error) => {
    expect((await run({}, { code })).end).toMatchObject({ status: 2, value: { error } });
  });

  it('and says very much at /init is quoted in part', async () => {
    expect((await run({}, { code: 'large' })).error).toMatch(
      /^The action produced a response that exceeded the allowed length: 2000000 > 1048576 bytes\. The truncated response was: L/,
    );
  });

  it('at /init in its time has used up its time', async () => {
    expect((await run({}, { code: 'hang', timeoutMs: 300 })).end).toMatchObject({
      status: 2,
      timedOut: true,
      value: { error: 'The action exceeded its time limits of 300 milliseconds during initialization.' },
    });
  });

  it('but listens late is waited for', async () => {
    expect((await run({ a: 1 }, { image: 'late' })).end).toMatchObject({ status: 0, value: { value: { a: 1 } } });
    expect(driver.started).toHaveLength(1);
  });

  it('and never listens is given up, and the error says so', async () => {
    await executor.close(0);
    openExecutor(1500);
    expect((await run({}, { image: 'deaf' })).end).toMatchObject({
      status: 2,
      value: { error: "The container of the image 'deaf' did not listen on port 8080 within 1500 milliseconds." },
    });
    expect(driver.started).toHaveLength(1);
  });

  it("and ends at once is its developer's business", async () => {
    const it = await run({}, { image: 'broken' });
    expect(it.end).toMatchObject({
      status: 2,
      value: { error: 'The action did not initialize and exited unexpectedly.' },
    });
    expect(texts(it).join('\n')).toContain('Cannot find module');
    expect(driver.started).toHaveLength(1);
  });
});

describe('the runs of an OpenWhisk runtime', () => {
  it('end at their time limit, and the container with them', async () => {
    const it = await run({ do: 'hang' }, { timeoutMs: 3000 });
    expect(it.end).toMatchObject({
      status: 2,
      timedOut: true,
      value: { error: 'The action exceeded its time limits of 3000 milliseconds.' },
    });
    await until(() => driver.started[0]!.state === 'EXITED', { what: 'the container has ended' });
  });

  it('end when they are cancelled, and the container with them', async () => {
    const it = execute(executor, sink, testSpec({ image: 'odd' }), { input: sink.of({ do: 'hang' }) });
    await new Promise<void>((resolve) => (it.onStarted = resolve));
    executor.cancel(it, 'not wanted any more');
    await it.done;
    expect(it.end).toMatchObject({ status: 2, value: { error: 'not wanted any more' } });
    await until(() => driver.started[0]!.state === 'EXITED', { what: 'the container has ended' });
  });

  it('are one at a time; many share containers, and those behind one that fails are not touched by it', async () => {
    const runs = Array.from({ length: 200 }, (_, i) =>
      execute(executor, sink, testSpec({ image: 'odd' }), {
        input: sink.of(i % 40 === 20 ? { do: 'status', status: 502, body: '{"error":"bad"}' } : { i }),
      }),
    );
    await Promise.all(runs.map(({ done }) => done));
    runs.forEach((it, i) => {
      if (i % 40 === 20) expect(it.end).toMatchObject({ status: 2, value: { error: 'bad' } });
      else expect(it.end).toMatchObject({ status: 0, value: { value: { i } } });
    });
    expect(driver.started.length).toBeLessThanOrEqual(3 + 5 + 2);
  });

  it('behind one that crashes its container run elsewhere', async () => {
    const spec = testSpec({ image: 'odd' });
    const runs = Array.from({ length: 30 }, (_, i) =>
      execute(executor, sink, spec, { input: sink.of(i === 15 ? { do: 'exits' } : { i }) }),
    );
    await Promise.all(runs.map(({ done }) => done));
    expect(runs.filter(({ end }) => end!.status !== 0).map(({ error }) => error)).toEqual([runDied]);
  });

  it('that a container refuses because it goes away have another one', async () => {
    for (let i = 0; i < 4; i++) expect((await run({ do: 'leaves', i })).end).toMatchObject({ status: 0, value: { i } });
    expect(driver.started).toHaveLength(4);
    await run({ do: 'deafens' });
    expect((await run({ i: 5 })).end).toMatchObject({ status: 0, value: { value: { i: 5 } }, coldStart: true });
  });

  it('that every container refuses have none', async () => {
    const none = { status: 3, value: { error: 'Failed to provision resources to run the action.' } };
    expect((await run({ do: 'always503' })).end).toMatchObject(none);
    expect((await run({}, { code: 'leaves' })).end).toMatchObject(none);
    expect(driver.started.length).toBeLessThan(12);
  });

  it('have no port but out: one that is wired is an error that names it', async () => {
    const definition = { outputs: ['part'], ports: false };
    const it = await run({}, {}, { definition });
    expect(it.end).toMatchObject({ status: 1 });
    expect(it.error).toContain("The graph wires the port 'part' of this action, but its image has no emit");
    expect((await run({})).end).toMatchObject({ status: 0, coldStart: false });
  });

  it('leave nothing when the executor closes in the middle', async () => {
    const it = execute(executor, sink, testSpec({ image: 'odd' }), { input: sink.of({ do: 'hang' }) });
    await new Promise<void>((resolve) => (it.onStarted = resolve));
    await executor.close(0);
    expect(it.end).toMatchObject({ status: 2 });
  });
});
