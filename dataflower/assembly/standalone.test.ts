import { chmod, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { send, temporaryDirectory } from '@dataflower/common/testing';
import { WELL_KNOWN_KEY, authorizationOf } from '@dataflower/plugin/auth';
import { loadConfig } from '../config/index.js';
import { echoParts } from '../testing/echo-parts.js';
import { startTestServer } from '../testing/server.js';
import { createStandalone, type Standalone } from './standalone.js';

const directories: string[] = [];
const newDirectory = async (): Promise<string> => {
  const directory = await temporaryDirectory();
  directories.push(directory);
  return directory;
};
afterAll(() => Promise.all(directories.map((directory) => rm(directory, { recursive: true, force: true }))));

function start(dataDir: string, overrides: Record<string, unknown> = {}): Promise<Standalone> {
  const config = loadConfig({
    environment: {},
    overrides: { dataDir, logLevel: 'silent', ...overrides, server: { port: 0, ...(overrides.server as object) } },
  });
  return createStandalone(config, () => Promise.resolve(echoParts()));
}

test('key and entities are kept between starts, in a directory for its owner alone', async () => {
  const dataDir = join(await newDirectory(), 'new', 'data');
  const first = await start(dataDir);
  expect(first.authorization).toMatch(/^[0-9a-f-]{36}:[A-Za-z0-9]{64}$/);
  const body = { exec: { kind: 'nodejs:20', code: 'x'.repeat(20_000) } };
  await send(first.url, 'PUT', '/api/v1/namespaces/_/actions/a', { auth: first.authorization, body });
  await first.close();
  expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
  const second = await start(dataDir);
  expect(second.authorization).toBe(first.authorization);
  expect(
    (await send(second.url, 'GET', '/api/v1/namespaces/_/actions/a', { auth: second.authorization })).json,
  ).toMatchObject(body);
  await second.close();
  expect(await readdir(dataDir)).toEqual(['entities']);
});

test('two servers have different keys; the well-known one is taken only on request and never kept', async () => {
  const dataDir = await newDirectory();
  const known = authorizationOf(WELL_KNOWN_KEY);
  const first = await start(dataDir);
  expect((await send(first.url, 'GET', '/api/v1/namespaces', { auth: known })).status).toBe(401);
  await first.close();
  const second = await start(dataDir, { wellKnownKey: true });
  expect(second.authorization).toBe(known);
  expect((await send(second.url, 'GET', '/api/v1/namespaces', { auth: known })).json).toEqual(['guest']);
  await second.close();
  const third = await start(dataDir);
  expect(third.authorization).toBe(first.authorization);
  await third.close();
  await expect(start(dataDir, { wellKnownKey: true, server: { host: '0.0.0.0' } })).rejects.toThrow(
    /well-known key .*loopback/,
  );
});

test('what keeps it from starting is told in one line with what to do', async () => {
  const blocker = createServer().listen(0, '127.0.0.1');
  await once(blocker, 'listening');
  const { port } = blocker.address() as { port: number };
  await expect(start(await newDirectory(), { server: { port } })).rejects.toThrow(
    `The port ${port} of 127.0.0.1 is in use: stop what uses it, or choose another with --port.`,
  );
  blocker.close();

  const used = await newDirectory();
  const first = await start(used);
  await expect(start(used)).rejects.toThrow(
    `The data directory ${used} is in use by another process: stop that server, or choose another with --data.`,
  );
  await first.close();
  await (await start(used)).close();

  await expect(start('/proc/none')).rejects.toThrow(
    /^The data directory \/proc\/none cannot be written \(E\w+\): choose another with --data/,
  );
  await expect(start(await newDirectory(), { server: { host: '203.0.113.1' } })).rejects.toThrow(
    /^Cannot listen on 203\.0\.113\.1, port 0 \(EADDRNOTAVAIL\)/,
  );
});

test('one that fails when it listens already leaves nothing that listens, and the directory free', async () => {
  const dataDir = await newDirectory();
  await mkdir(join(dataDir, 'running.json'));
  const blocker = createServer().listen(0, '127.0.0.1');
  await once(blocker, 'listening');
  const { port } = blocker.address() as { port: number };
  await new Promise((resolve) => blocker.close(resolve));
  await expect(start(dataDir, { server: { port } })).rejects.toThrow(
    /^The file .*running\.json cannot be written \(EISDIR\): remove it/,
  );
  await expect(send(`http://127.0.0.1:${port}`, 'GET', '/ping', {})).rejects.toThrow(/ECONNREFUSED/);
  await rm(join(dataDir, 'running.json'), { recursive: true });
  await (await start(dataDir)).close();
});

test('a part that cannot be stopped leaves none of the others running', async () => {
  const dataDir = await newDirectory();
  const parts = echoParts();
  const stopped: string[] = [];
  parts.host.close = () => Promise.reject(new Error('the host does not stop'));
  const close = parts.records.close.bind(parts.records);
  parts.records.close = () => {
    stopped.push('records');
    return close();
  };
  const config = loadConfig({ environment: {}, overrides: { dataDir, logLevel: 'silent', server: { port: 0 } } });
  const server = await createStandalone(config, () => Promise.resolve(parts));
  await expect(server.close()).rejects.toThrow('the host does not stop');
  expect(stopped).toEqual(['records']);
  await (await start(dataDir)).close();
});

test('a data directory that is a file is told as one that cannot be written', async () => {
  const directory = await newDirectory();
  await mkdir(join(directory, 'entities'));
  await chmod(directory, 0o700);
  await expect(start(join(process.execPath, 'x'))).rejects.toThrow(/cannot be written \(ENOTDIR\)/);
});

test('a stop lets what runs be answered, and takes nothing new', async () => {
  const server = await startTestServer();
  await server.action('a');
  server.host.script = () => 'held';
  const answer = server.call('POST', 'actions/a?blocking=true', {});
  while ((await server.host.status()).activations === 0) await new Promise((resolve) => setImmediate(resolve));
  const closed = server.server.close();
  await expect(answer).resolves.toMatchObject({ status: 200 });
  await closed;
  await expect(server.call('GET', 'actions')).rejects.toThrow(/ECONNREFUSED/);
  await server.close();
});
