import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type Socket, createServer, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runtimeEntry } from '../index.js';
import { zipOf } from '../testing/archives.js';

const MARKER = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX';

/** A runtime as the invoker sees it. */
class Runtime {
  out = '';
  err = '';
  private constructor(
    readonly child: ChildProcess,
    readonly port: number,
    private readonly directory: string,
  ) {
    child.stdout!.on('data', (chunk: Buffer) => (this.out += chunk.toString()));
    child.stderr!.on('data', (chunk: Buffer) => (this.err += chunk.toString()));
  }

  static async start(): Promise<Runtime> {
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address() as { port: number };
    await new Promise((done) => probe.close(done));
    const directory = mkdtempSync(join(tmpdir(), 'runtime-'));
    const child = spawn(process.execPath, [runtimeEntry], {
      env: { __DF_HTTP_PORT: String(port), PATH: process.env['PATH'], TMPDIR: directory },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const runtime = new Runtime(child, port, directory);
    // As the invoker does: connecting is tried again until the server is there.
    while (!(await reachable(port)));
    return runtime;
  }

  async post(path: string, body: unknown): Promise<{ status: number; body: unknown; length: string | null }> {
    const response = await fetch(`http://127.0.0.1:${this.port}${path}`, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    });
    return { status: response.status, body: await response.json(), length: response.headers.get('content-length') };
  }

  init(code: string, more: object = {}): ReturnType<Runtime['post']> {
    return this.post('/init', { value: { name: 'n', main: 'main', code, binary: false, ...more } });
  }

  run(value: unknown, more: object = {}): ReturnType<Runtime['post']> {
    return this.post('/run', { value, ...more });
  }

  async close(): Promise<void> {
    if (this.child.exitCode === null) {
      this.child.kill('SIGKILL');
      await once(this.child, 'exit');
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}

async function reachable(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const result = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
  });
  socket.destroy();
  if (!result) await new Promise((resolve) => setTimeout(resolve, 20));
  return result;
}

let runtime: Runtime;
beforeEach(async () => (runtime = await Runtime.start()));
afterEach(() => runtime.close());

const ECHO = 'function main(args) { return args }';

test('init once, then run', async () => {
  expect(await runtime.init(ECHO)).toMatchObject({ status: 200, body: { OK: true }, length: '11' });
  expect(await runtime.run({ a: 1 })).toMatchObject({ status: 200, body: { a: 1 }, length: '7' });
  expect((await runtime.run([1, 2])).body).toEqual([1, 2]);
  expect((await runtime.run(null)).body).toEqual({});
  expect(await runtime.init(ECHO)).toMatchObject({
    status: 403,
    body: { error: 'Cannot initialize the action more than once.' },
  });
});

test('each activation ends with a marker on both streams, after its lines', async () => {
  await runtime.init(
    'function main() { console.log("to out"); console.error("to err"); process.stdout.write("cut"); return {} }',
  );
  await runtime.run({});
  expect(runtime.out).toBe(`to out\ncut\n${MARKER}\n`);
  expect(runtime.err).toBe(`to err\n${MARKER}\n`);
});

test('the environment of init and of each run', async () => {
  await runtime.init('function main() { return process.env }', {
    env: { A: 'text', N: null, O: { x: 1 }, I: 5, __OW_API_KEY: 'key' },
  });
  const { body } = await runtime.run(
    {},
    { namespace: 'guest', action_name: '/guest/n', activation_id: 'abc', deadline: '12', transaction_id: 't' },
  );
  expect(body).toMatchObject({
    A: 'text',
    N: '',
    O: '{"x":1}',
    I: '5',
    __OW_API_KEY: 'key',
    __OW_NAMESPACE: 'guest',
    __OW_ACTION_NAME: '/guest/n',
    __OW_ACTIVATION_ID: 'abc',
    __OW_DEADLINE: '12',
    __OW_TRANSACTION_ID: 't',
  });
  expect(body).not.toHaveProperty('__DF_HTTP_PORT');
});

test('run before init', async () => {
  expect(await runtime.run({})).toMatchObject({ status: 403, body: { error: 'System not initialized.' } });
});

test.each([{ main: '' }, { code: '' }, { main: 5 }, { code: undefined }])('missing code or main: %j', async (more) => {
  expect(await runtime.init(ECHO, more)).toMatchObject({
    status: 403,
    body: { error: 'Missing main/no code to execute.' },
  });
  expect((await runtime.init(ECHO)).status).toBe(200);
});

test('a failed init is final, and its log is ended', async () => {
  const { status, body } = await runtime.init('throw new Error("on load")');
  expect(status).toBe(502);
  expect((body as { error: string }).error).toMatch(/^Initialization has failed due to: Error: on load\n/);
  expect(runtime.err).toMatch(
    /^Error during initialization: Error: on load\n[^]*XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX\n$/,
  );
  expect(runtime.out).toBe(`${MARKER}\n`);
  expect(await runtime.init(ECHO)).toMatchObject({
    status: 403,
    body: { error: 'System not ready, status is stopped.' },
  });
});

test('a synchronous throw stops it for good', async () => {
  await runtime.init('function main() { throw new Error("no") }');
  expect(await runtime.run({})).toMatchObject({ status: 502, body: { error: 'An error has occurred: Error: no' } });
  expect(await runtime.run({})).toMatchObject({ status: 403, body: { error: 'System not ready, status is stopped.' } });
  expect(runtime.err).toContain('Error: no');
});

test.each([
  ['5', 502, { error: 'The action did not return a dictionary.' }],
  ['null', 200, null],
  ['undefined', 200, {}],
  ['[1]', 200, [1]],
  ['({ error: "e", more: 1 })', 200, { error: 'e', more: 1 }],
  ['Promise.reject("why")', 200, { error: 'why' }],
  ['Promise.reject()', 200, { error: {} }],
  ['({ b: Buffer.from("hi") })', 200, { b: 'aGk=' }],
])('a returned %s', async (expression, status, body) => {
  await runtime.init(`function main() { return ${expression} }`);
  expect(await runtime.run({})).toMatchObject({ status, body });
  expect((await runtime.run({})).status).toBe(status);
});

test('a scalar is no argument', async () => {
  await runtime.init(ECHO);
  expect(await runtime.run('text')).toMatchObject({
    status: 403,
    body: { error: "Internal system error: the argument must be a dictionary but has type 'string'." },
  });
});

test('one run at a time', async () => {
  // The first run ends when its caller has heard of the second.
  const caller = createServer().listen(0, '127.0.0.1');
  await once(caller, 'listening');
  const { port } = caller.address() as { port: number };
  await runtime.init(
    'function main({ port }) { return new Promise((r) => require("net").connect(port, "127.0.0.1").on("close", () => r({})).resume()) }',
  );
  const connected = once(caller, 'connection') as Promise<[Socket]>;
  const first = runtime.run({ port });
  const [connection] = await connected;
  expect(await runtime.run({ port })).toMatchObject({
    status: 403,
    body: { error: 'System not ready, status is running.' },
  });
  connection.end();
  expect((await first).status).toBe(200);
  caller.close();
});

test.each([
  ['/other', '{}'],
  ['/run', '{broken'],
  ['/init', 'not json'],
])('a bad request to %s', async (path, body) => {
  expect(await runtime.post(path, body)).toMatchObject({ status: 500, body: { error: 'Bad request.' } });
});

test('values of several megabytes pass both ways', async () => {
  await runtime.init(ECHO);
  const text = 'x'.repeat(5_000_000);
  expect(((await runtime.run({ text })).body as { text: string }).text === text).toBe(true);
});

test('an archive, and a file type that is unknown', async () => {
  const archive = await zipOf({ 'index.js': 'exports.niam = () => ({ cwd: require("fs").existsSync("index.js") })' });
  expect((await runtime.init(archive.toString('base64'), { binary: true, main: 'niam' })).status).toBe(200);
  expect((await runtime.run({})).body).toEqual({ cwd: true });
});

test('process.exit breaks the connection', async () => {
  await runtime.init('function main() { process.exit(0) }');
  await expect(runtime.run({})).rejects.toThrow();
});
