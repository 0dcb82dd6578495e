import { rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { temporaryDirectory } from '@dataflower/common/testing';
import { loadConfig } from '../config/index.js';
import { createPlugin } from './plugin.js';
import { createShim, type Shim } from './shim.js';

const SECRET = 'a secret of at least thirty-two characters';

let directory: string;
beforeAll(async () => {
  directory = await temporaryDirectory();
});
afterAll(() => rm(directory, { recursive: true, force: true }));

function config(overrides: Record<string, unknown>) {
  const server = { port: 0 };
  const containers = { driver: 'process' };
  return loadConfig({
    environment: {},
    overrides: { dataDir: join(directory, 'data'), logLevel: 'silent', server, containers, ...overrides },
  });
}

const hosts = [{ id: 'a', address: '127.0.0.1:1' }];
const secret = { secret: SECRET };

const refused: Record<string, [overrides: Record<string, unknown>, host: string | undefined, message: RegExp]> = {
  'no hosts': [{ cluster: secret }, undefined, /No hosts are configured: add `hosts: .*dataflower standalone/],
  'a secret in a directory': [
    { hosts, cluster: { secretFile: '/' } },
    undefined,
    /^cluster\.secretFile: \/ cannot be read \(EISDIR: it is a directory, a file is needed\)\.$/,
  ],
  'no secret': [{ hosts }, undefined, /set cluster\.secretFile, cluster\.secret or DATAFLOWER_CLUSTER_SECRET to/],
  'a short secret': [{ hosts, cluster: { secret: 'short' } }, undefined, /has 5 characters: set the same text of/],
  'a secret file that is not there': [
    { hosts, cluster: { secretFile: '/nowhere/secret' } },
    undefined,
    /cluster\.secretFile: \/nowhere\/secret cannot be read \(ENOENT/,
  ],
  'limits beyond a message': [
    { hosts, cluster: secret, limits: { resultBytes: 2 ** 30 } },
    undefined,
    /limits\.resultBytes is too large .* 32 MiB/,
  ],
};

test.each(Object.entries(refused))(
  '%s: neither starts, and says what to do',
  async (_what, [overrides, id, message]) => {
    await expect(createPlugin(config(overrides))).rejects.toThrow(message);
    await expect(createShim(config(overrides), id)).rejects.toThrow(message);
  },
);

test('a shim is told which hosts there are', async () => {
  const two = [...hosts, { id: 'b', address: '127.0.0.1:2' }];
  const cluster = secret;
  await expect(createShim(config({ hosts: two, cluster }), undefined)).rejects.toThrow(/with --host \(a, b\)/);
  await expect(createShim(config({ hosts: two, cluster }), 'c')).rejects.toThrow(/no host c: it has a, b/);
});

test.each([
  [[{ id: 'a', address: 'nohost' }], /hosts\.0\.address: expected a list of/],
  [[{ id: 'a', address: 'h:0' }], /hosts\.0\.address/],
  [[{ id: '../a', address: 'h:1' }], /hosts\.0\.id/],
  [[hosts[0], hosts[0]], /hosts: expected a list of .* different ids/],
  [[{ id: 'a', address: 'h:1', prot: 1 }], /hosts\.0\.prot: is not a key/],
])('hosts that are none are refused (%#)', (wrong, message) => {
  expect(() => config({ hosts: wrong })).toThrow(message);
});

test('a shim whose Docker engine is not there says how to have one', async () => {
  const dockerHost = `unix://${join(directory, 'no.sock')}`;
  const found = createShim(config({ hosts, cluster: secret, containers: { driver: 'docker', dockerHost } }), 'a');
  await expect(found).rejects.toThrow(
    /No Docker engine answers .*Start it, or name another with containers\.dockerHost/,
  );
});

test('a secret in no error message', () => {
  expect(() => config({ cluster: { secret: SECRET, secretFile: 7 } })).toThrow(/secretFile/);
  expect(() => config({ cluster: { secret: [SECRET] } })).toThrow(/cluster\.secret: expected .*not shown/);
  expect(() => config({ cluster: { secret: [SECRET] } })).not.toThrow(SECRET);
});

async function busyPort(): Promise<{ server: Server; port: number }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as { port: number }).port };
}

test('a port in use is named with where it is set, and nothing of the shim is left', async () => {
  const [busy, free] = [await busyPort(), await busyPort()];
  free.server.close();
  await once(free.server, 'close');
  const at = (address: number, operations: number) =>
    config({
      cluster: secret,
      hosts: [{ id: 'a', address: `127.0.0.1:${address}`, operations: `127.0.0.1:${operations}` }],
    });
  const inUse = `The port ${busy.port} of 127.0.0.1 is in use`;
  await expect(createShim(at(busy.port, free.port), 'a')).rejects.toThrow(
    `${inUse}: stop what uses it, or choose another with address in its entry of hosts.`,
  );
  await expect(createShim(at(free.port, busy.port), 'a')).rejects.toThrow(
    `${inUse}: stop what uses it, or choose another with operations in its entry of hosts.`,
  );
  busy.server.close();
  await once(busy.server, 'close');
  const shim = await createShim(at(free.port, busy.port), 'a');
  await expect(createShim(at(free.port, busy.port), 'a')).rejects.toThrow(/hosts\/a is in use by another process/);
  await shim.close(0);
});

test('a secret from a file is the same as one that is given', async () => {
  const file = join(directory, 'secret');
  await writeFile(file, `${SECRET}\n`);
  const port = await busyPort();
  port.server.close();
  await once(port.server, 'close');
  const own = [{ id: 'a', address: `127.0.0.1:${port.port}` }];
  let shim: Shim | undefined;
  const plugin = await createPlugin(config({ hosts: own, cluster: secret }));
  try {
    shim = await createShim(config({ hosts: own, cluster: { secretFile: file } }), undefined);
    const ready = async () => (await fetch(`http://127.0.0.1:${plugin.port}/health`)).status === 200;
    const deadline = Date.now() + 10_000;
    while (!(await ready()) && Date.now() < deadline) await new Promise((resolve) => setImmediate(resolve));
    expect(await ready()).toBe(true);
    expect(await (await fetch(`${shim.operationsUrl}/metrics`)).text()).toContain('dataflower_runs_running 0');
    expect(await (await fetch(`http://127.0.0.1:${plugin.port}/metrics`)).text()).toContain(
      'dataflower_host_connected{host="a"} 1',
    );
  } finally {
    await plugin.close(0);
    await shim?.close(0);
  }
});
