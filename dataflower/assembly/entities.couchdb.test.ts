import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { send, until } from '@dataflower/common/testing';
import {
  couchAddress,
  describeWithService,
  dropDatabases,
  type FaultProxy,
  newPrefix,
  startFaultProxy,
} from '@dataflower/services';
import { runProgram } from '../cli/program.js';
import { startTestServer, type TestServer } from '../testing/server.js';

const CLI = fileURLToPath(new URL('../cli/main.js', import.meta.url));
const UNAVAILABLE = 'The server is currently unavailable (because it is overloaded or down for maintenance).';

describeWithService('couchdb', 'A server with its entities in CouchDB', ({ address }) => {
  const prefix = newPrefix();
  let proxy: FaultProxy;
  let servers: TestServer[];
  let installation = 0;
  let own: string;
  beforeEach(async () => {
    proxy = await startFaultProxy(address);
    servers = [];
    own = `${prefix}${++installation}_`;
  });
  afterEach(async () => {
    proxy.fault = () => 'pass';
    for (const server of servers) await server.close();
    await proxy.close();
  });
  afterAll(() => dropDatabases(address, prefix));

  const start = async (at = address, more: object = {}): Promise<TestServer> => {
    const couchdb = { ...couchAddress(at), prefix: own, timeoutMs: 60_000, ...more };
    const server = await startTestServer({ couchdb });
    servers.push(server);
    return server;
  };
  const readiness = async ({ url }: TestServer): Promise<{ status: string; text: string }> => {
    const { json, text } = await send(url, 'GET', '/health');
    return { status: json.status, text };
  };

  test('two share users and actions, and neither loses what the other writes', async () => {
    const [one, two] = await Promise.all([start(), start()]);
    expect(two.auth).toBe(one.auth);
    expect((await one.action('a')).status).toBe(200);
    expect((await two.call('POST', 'actions/a?blocking=true&result=true', { x: 1 })).json).toEqual({ x: 1 });
    await two.action('a', { parameters: [{ key: 'p', value: 2 }] });
    await until(async () => (await one.call('GET', 'actions/a')).json.version === '0.0.2');
    const code = 'function main() {}'.padEnd(30_000);
    const puts = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        (i % 2 === 0 ? one : two).action('a', { exec: { kind: 'nodejs:20', code: code + String(i) } }),
      ),
    );
    const done = puts.filter(({ status }) => status === 200).length;
    expect(done).toBeGreaterThan(0);
    for (const { status, json } of puts.filter(({ status }) => status !== 200)) {
      expect([status, json.error]).toEqual([409, 'Concurrent modification to resource detected.']);
    }
    for (const server of [one, two]) {
      await until(async () => (await server.call('GET', 'actions/a')).json.version === `0.0.${2 + done}`);
    }
    expect((await one.call('GET', 'actions?count=true')).json).toEqual({ actions: 1 });
    expect((await one.call('DELETE', 'actions/a')).status).toBe(200);
    await until(async () => (await two.call('POST', 'actions/a', {})).status === 404);
  });

  test('goes on with what it has in memory while CouchDB is away, answers 503 else, and recovers by itself', async () => {
    const server = await start(proxy.url, { retries: 0, timeoutMs: 5_000 });
    const direct = await start();
    await server.action('warm');
    const warm = () => server.call('POST', 'actions/warm?blocking=true&result=true', { x: 1 });
    await until(async () => {
      await warm();
      return proxy.asked.length > 0;
    });
    const { asked } = proxy;
    await until(async () => {
      const before = asked.filter(({ path }) => path.includes('%2Fwarm')).length;
      await warm();
      return asked.filter(({ path }) => path.includes('%2Fwarm')).length === before;
    });
    for (const fault of ['refuse', 'silence', 503] as const) {
      const cold = `cold-${fault}`;
      await direct.action(cold);
      proxy.fault = () => fault;
      proxy.disconnect();
      expect((await warm()).json).toEqual({ x: 1 });
      const refused = await Promise.all([
        server.call('POST', `actions/${cold}?blocking=true`, {}),
        server.action('warm', { parameters: [] }),
        server.call('GET', 'actions'),
        server.call('GET', `actions/${cold}`),
        server.call('DELETE', `actions/${cold}`),
      ]);
      for (const { status, json } of refused) expect([status, json.error]).toEqual([503, UNAVAILABLE]);
      expect((await warm()).json).toEqual({ x: 1 });
      await until(async () => (await readiness(server)).status === 'degraded');
      expect((await readiness(server)).text).toMatch(
        /CouchDB at http:\/\/127\.0\.0\.1:\d+ (?:cannot be reached|answers 503)/,
      );
      expect((await send(server.url, 'GET', '/api/v1/namespaces', { auth: 'no:body' })).status).toBe(401);
      proxy.fault = () => 'pass';
      await until(async () => (await readiness(server)).status === 'ready');
      expect((await server.call('POST', `actions/${cold}?blocking=true&result=true`, { y: 1 })).json).toEqual({ y: 1 });
    }
  });

  test('refuses what CouchDB cannot keep as the caller’s mistake', async () => {
    const server = await start(proxy.url);
    proxy.fault = ({ method }) =>
      method === 'PUT'
        ? { answer: '{"error":"bad_request","reason":"invalid UTF-8 JSON"}', type: 'application/json', status: 400 }
        : 'pass';
    const { status, json } = await server.action('a', { parameters: [{ key: 'p', value: '\ud800' }] });
    expect(status).toBe(400);
    expect(json.error).toMatch(/^The request content was malformed:\n/);
  });

  test('reads what a sequence needs in two rounds, and an update in two requests', async () => {
    const server = await start(proxy.url);
    const names = Array.from({ length: 12 }, (_, i) => `part${i}`);
    for (const name of names) await server.action(name);
    const documents = () => proxy.asked.filter(({ path }) => path.includes('guest%2F')).map(({ method }) => method);
    proxy.asked.length = 0;
    await server.action('new');
    expect(documents()).toEqual(['GET', 'PUT']);
    const components = names.map((name) => `/_/${name}`);
    await server.action('all', { exec: { kind: 'sequence', components } });
    const other = await start(proxy.url);
    let waiting = 0;
    let most = 0;
    proxy.asked.length = 0;
    proxy.fault = ({ path }) => {
      if (!path.includes('guest%2Fpart')) return 'pass';
      most = Math.max(most, ++waiting);
      setTimeout(() => waiting--, 1000);
      return { delayMs: 1000 };
    };
    await other.call('POST', 'actions/all?blocking=true', {});
    expect(documents()).toHaveLength(13);
    expect(most).toBeGreaterThan(6);
  });

  test('says why it cannot start', async () => {
    await start();
    await expect(start(address, { url: 'http://127.0.0.1:9', startMs: 100 })).rejects.toThrow(
      /CouchDB at .*It was waited for 100 ms/s,
    );
    await expect(start(address, { passwordFile: '/none' })).rejects.toThrow(
      /couchdb\.password and couchdb\.passwordFile|cannot be read \(ENOENT/,
    );
    await expect(start(address, { username: 'x', password: undefined, passwordFile: undefined })).rejects.toThrow(
      /belong together|does not let us in/,
    );
  });

  test('`user add` and `user list` work on CouchDB while servers run, and show the password to nobody', async () => {
    const server = await start();
    const directory = await mkdtemp(join(tmpdir(), 'dataflower-test-'));
    const { url, username, password = 'none' } = couchAddress(address);
    await writeFile(join(directory, 'password'), `${password}\n`);
    const config = join(directory, 'dataflower.yaml');
    const credentials = username === undefined ? {} : { username, passwordFile: join(directory, 'password') };
    await writeFile(
      config,
      JSON.stringify({ dataDir: join(directory, 'data'), couchdb: { url, prefix: own, ...credentials } }),
    );
    const run = async (...words: string[]): Promise<{ code: number; out: string; err: string }> => {
      const child = spawn(process.execPath, [CLI, 'user', ...words, '--config', config]);
      const text = { out: '', err: '' };
      child.stdout.on('data', (chunk) => (text.out += String(chunk)));
      child.stderr.on('data', (chunk) => (text.err += String(chunk)));
      const [code] = (await once(child, 'close')) as [number];
      return { code, ...text };
    };
    const added = await run('add', 'ann', '--json');
    expect(added).toMatchObject({ code: 0, err: '' });
    const { authorization } = JSON.parse(added.out) as { authorization: string };
    await until(
      async () => (await send(server.url, 'GET', '/api/v1/namespaces', { auth: authorization })).status === 200,
    );
    expect((await run('list')).out).toContain(`ann ${authorization}\n`);
    expect(await run('add', 'ann')).toMatchObject({ code: 1, err: expect.stringContaining('exists already') });
    await writeFile(join(directory, 'password'), 'wrong-password');
    const refused = await run('list');
    if (username !== undefined)
      expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('does not let us in') });
    expect(refused.out + refused.err).not.toContain('wrong-password');
    await rm(directory, { recursive: true });
  });

  test('`store copy` brings users and actions of a data directory over, and what is there stays', async () => {
    const before = await startTestServer();
    const code = 'function main(a) { return a } //'.padEnd(40_000, 'x');
    await before.action('large', { exec: { kind: 'nodejs:20', code } });
    await before.action('small');
    await before.action('small', { parameters: [{ key: 'p', value: 'ü' }] });
    await before.server.close();
    const out: string[] = [];
    const copy = (): Promise<number> => {
      const { url, username, password } = couchAddress(address);
      const environment = {
        HOME: before.dataDir,
        DATAFLOWER_COUCHDB_URL: url,
        DATAFLOWER_COUCHDB_PREFIX: own,
        ...(username === undefined ? {} : { DATAFLOWER_COUCHDB_USERNAME: username }),
        ...(password === undefined ? {} : { DATAFLOWER_COUCHDB_PASSWORD: password }),
      };
      const terminal = {
        out: (text: string) => void out.push(text),
        err: (text: string) => void out.push(text),
        environment,
      };
      return runProgram(['store', 'copy', '--data', before.dataDir], terminal);
    };
    expect(await copy()).toBe(0);
    expect(await copy()).toBe(0);
    expect(out).toEqual([
      'users: 1 copied, 0 were there already',
      'actions: 2 copied, 0 were there already',
      'users: 0 copied, 1 were there already',
      'actions: 0 copied, 2 were there already',
    ]);
    const after = await start();
    expect(after.auth).toBe(before.auth);
    expect((await after.call('GET', 'actions/large')).json.exec.code).toBe(code);
    expect((await after.call('GET', 'actions/small')).json).toMatchObject({
      version: '0.0.2',
      parameters: [{ key: 'p', value: 'ü' }],
    });
    await rm(before.dataDir, { recursive: true });
  });
});
