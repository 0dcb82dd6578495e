import { readFileSync } from 'node:fs';
import { type AddressInfo, type Server, createServer } from 'node:net';
import os from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { describeWithService } from '@dataflower/services';
import { putAction, result } from '../testing/calls.js';
import type { Json } from '../testing/api.js';
import { HOOK_MS } from '../testing/machine-turn.js';
import type { Platform } from '../testing/platform.js';
import { repositoryPath } from '../testing/command.js';
import { METADATA_ADDRESS, PRIVATE_ADDRESS, PUBLIC_ADDRESS, RESOLVED, StandIns } from '../testing/stand-ins.js';
import { Suite } from '../testing/suite.js';
import { dockerEnvironment } from '../testing/docker.js';

const suite = Suite.open();

/** Access of functions to the API's address, with their key and without, and to other addresses beside it. */
const CALLS_API = `const http = require('node:http');
  const get = (path, headers) => new Promise((resolve) => http.get(process.env.__OW_API_HOST + path, { headers },
    (reply) => { let text = ''; reply.on('data', (part) => (text += part)); reply.on('end', () => resolve([reply.statusCode, text])); })
    .on('error', (error) => resolve([error.code, ''])));
  exports.main = async () => {
    const authorization = 'Basic ' + Buffer.from(process.env.__OW_API_KEY ?? '').toString('base64');
    return { host: process.env.__OW_API_HOST,
      found: [await get('/api/v1/namespaces', { authorization }), await get('/api/v1/namespaces', {}),
        await get('/metrics', { authorization }), await get('/api/v1/../../metrics', { authorization })] };
  }`;

/** Hides a request in the body of another, by each method; tells how often it was answered. */
const HIDES_REQUESTS = `const net = require('node:net');
  exports.main = async ({ hidden, host }) => {
    const { port } = new URL(process.env.__OW_API_HOST);
    const key = 'Authorization: Basic ' + Buffer.from(process.env.__OW_API_KEY).toString('base64') + '\\r\\n';
    const body = hidden + ' HTTP/1.1\\r\\nHost: ' + host + '\\r\\n' + key + '\\r\\n';
    const chunked = 'Transfer-Encoding: chunked\\r\\n\\r\\n' + body.length.toString(16) + '\\r\\n' + body + '\\r\\n0\\r\\n\\r\\n';
    const say = (method) => new Promise((resolve, reject) => {
      let said = '';
      const socket = net.connect(port, '127.0.0.1', () => socket.write(
        method + ' /api/v1/namespaces HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n' + key + chunked));
      socket.on('data', (part) => (said += part)).on('error', reject).on('close', () => resolve(said));
    });
    const found = {};
    for (const method of ['GET', 'HEAD', 'DELETE', 'OPTIONS', 'POST', 'PUT'])
      found[method] = (await say(method)).split('HTTP/1.1 ').length - 1;
    return found;
  }`;

/** Addresses that user code in a container reaches: actions try them, and servers that should not be reached count. */
describeWithService('docker', 'from inside a container', ({ address: dockerHost }) => {
  let standIns: StandIns;
  let host: Server;
  let hostConnections = 0;
  let hostPort: number;

  beforeAll(async () => {
    standIns = await StandIns.start();
    host = createServer((socket) => {
      hostConnections++;
      socket.destroy();
    });
    // By IPv6 too, where the machine has it.
    await new Promise<void>((resolve) => host.listen(0, resolve));
    hostPort = (host.address() as AddressInfo).port;
  }, HOOK_MS);
  afterAll(async () => {
    await standIns.stop();
    await new Promise((resolve) => host.close(resolve));
  });

  describe.each(['outbound', 'none'] as const)('with the network %s', (network) => {
    let platform: Platform;
    const probe = async (kind: string, params: object = {}, name = 'probe'): Promise<Json> =>
      ((await result(platform.api, name, { kind, ...params })) as { found: Json }).found;

    beforeAll(async () => {
      platform = await suite.start({
        environment: {
          ...(await dockerEnvironment(dockerHost)),
          DATAFLOWER_CONTAINERS_NETWORK: network,
          DATAFLOWER_CONTAINERS_DNS: `[${PUBLIC_ADDRESS}]`,
        },
      });
      const code = readFileSync(repositoryPath('test/containment/actions/probe.cjs'), 'utf8');
      await putAction(platform.api, 'probe', code);
      await putAction(platform.api, 'other', code);
    });
    afterAll(() => platform.stop());

    test('it runs in a container of its own, with nothing of the machine', async () => {
      const view = await probe('view');
      expect(view.uid).toBeGreaterThan(0);
      expect(view.status).toMatch(/^CapEff:\t0+$/m);
      expect(view.status).toMatch(/^CapBnd:\t0+$/m);
      expect(view.status).toMatch(/^NoNewPrivs:\t1$/m);
      expect(view.status).toMatch(/^Seccomp:\t2$/m);
      expect(view.limits).toMatch(/^Max core file size +0 +0/m);
      expect(view.processes).toHaveLength(1);
      expect(view.mounts).toMatch(/^\S+ \/ \S+ ro,/m);
      const writable = (view.mounts as string).split('\n').filter((line) => / rw,/.test(line));
      const kinds = new Set(writable.map((line) => line.split(' ')[2]));
      expect([...kinds].sort()).toEqual(['devpts', 'mqueue', 'proc', 'tmpfs']);
    });

    test('no port of the machine can be reached, on none of its addresses', async () => {
      const before = hostConnections;
      const { gateway, interfaces } = await probe('view');
      const own = Object.values(os.networkInterfaces()).flatMap((all) => all ?? []);
      // One on a link is there by the interface that the container has to it, whatever its name on this side.
      const names = own.map(({ address }) => (address.startsWith('fe80:') ? `${address}%eth0` : address));
      const targets = [...new Set([...names, ...(gateway === null ? [] : [gateway])])].map((to) => [to, hostPort]);
      expect(targets.length).toBeGreaterThan(1);
      const outside = (interfaces as { address: string }[]).filter(({ address }) => !/^(?:127\.|::1$)/.test(address));
      expect(outside.filter(({ address }) => address.includes(':'))).toEqual([]);
      const found = (await probe('tcp', { targets })) as string[];
      expect(found).not.toContain('reached');
      expect(hostConnections).toBe(before);
      expect(await probe('udp', { targets: targets.map(([to]) => [to, 53]) })).not.toContain('reached');
    });

    test('private addresses and the metadata service cannot be reached, the Internet as it is set', async () => {
      const before = standIns.reached().length;
      const to = (address: string): [string, number] => [address, standIns.port];
      const refused = [to(PRIVATE_ADDRESS), to(METADATA_ADDRESS), [PRIVATE_ADDRESS, 53], [METADATA_ADDRESS, 53]];
      expect(await probe('tcp', { targets: refused })).not.toContain('reached');
      expect(await probe('udp', { targets: refused })).not.toContain('reached');
      expect(standIns.reached().slice(before)).toEqual([]);
      const open = network === 'outbound';
      expect([
        await probe('tcp', { targets: [to(PUBLIC_ADDRESS)] }),
        await probe('udp', { targets: [to(PUBLIC_ADDRESS)] }),
      ]).toEqual(open ? [['reached'], ['reached']] : [['ENETUNREACH'], ['ENETUNREACH']]);
      const names = await probe('resolve', { name: 'some.name.test' });
      if (open) expect(names).toEqual([RESOLVED]);
      else expect(typeof names).toBe('string');
    });

    test('its own loopback is there, by name too', async () => {
      const code = `exports.main = async () => {
          const server = require('node:http').createServer((_, response) => response.end('itself'));
          await new Promise((resolve) => server.listen(0, 'localhost', resolve));
          const response = await fetch('http://localhost:' + server.address().port);
          server.close();
          return { body: await response.text() };
        }`;
      await putAction(platform.api, 'itself', code);
      expect(await result(platform.api, 'itself')).toEqual({ body: 'itself' });
    });

    test('another container cannot be reached, nor seen', async () => {
      const code = `const net = require('node:net'), os = require('node:os');
        let server;
        exports.main = async ({ stop }) => {
          if (stop) return { stopped: server.close() !== undefined, connections: server.seen };
          server = net.createServer((s) => { server.seen++; s.destroy(); });
          server.seen = 0;
          await new Promise((resolve) => server.listen(0, resolve));
          const addresses = Object.entries(os.networkInterfaces()).flatMap(([name, all]) =>
            all.map(({ address, scopeid }) => (scopeid > 0 ? address + '%' + name : address)));
          return { port: server.address().port, addresses };
        }`;
      await putAction(platform.api, 'listens', code);
      const { port, addresses } = (await result(platform.api, 'listens')) as { port: number; addresses: string[] };
      expect(addresses.some((address) => !/^(?:127\.|::1$)/.test(address))).toBe(network === 'outbound');
      expect(await probe('tcp', { targets: addresses.map((to) => [to, port]) }, 'other')).not.toContain('reached');
      expect(await probe('udp', { targets: addresses.map((to) => [to, port]) }, 'other')).not.toContain('reached');
      expect((await result(platform.api, 'listens', { stop: true })).connections).toBe(0);
    });

    test('its own socket cannot be moved, replaced or spoken to again', async () => {
      const found = await probe('socket');
      for (const how of [found.list, found.rename, found.unlink, found.make, found.link, found.mode])
        expect(how).not.toMatch(/^reached/);
      expect(await probe('paths', { paths: ['/run/dataflower/s'] })).not.toContain('reached');
    });

    test("the engine's socket, the machine's files and processes are not there", async () => {
      const engine = dockerHost.replace(/^unix:\/\//, '');
      const paths = [engine, '/var/run/docker.sock', '/run/docker.sock', '/run/containerd/containerd.sock'];
      expect(await probe('paths', { paths })).not.toContain('reached');
      const files = [
        suite.directory,
        join(platform.options.dataDir, 'entities'),
        `/proc/1/root${suite.directory}`,
        '/dev/sda',
        '/dev/mem',
        '/dev/kmsg',
      ];
      for (const how of (await probe('files', { paths: files })) as string[]) expect(how).not.toMatch(/^reached/);
      const writes = [
        '/x',
        '/usr/x',
        '/etc/passwd',
        '/run/x',
        '/proc/sys/kernel/hostname',
        '/proc/sysrq-trigger',
        '/sys/x',
        '/run/values/out/x',
        '/run/values/in/x',
        '/dev/x',
        '/sys/fs/cgroup/x',
      ];
      for (const how of (await probe('writes', { paths: writes })) as string[]) expect(how).not.toMatch(/^reached/);
    });

    test('the API is there for an action that is given a key, by that key alone, and nothing beside it', async () => {
      const annotations = [{ key: 'provide-api-key', value: true }];
      await putAction(platform.api, 'calls', CALLS_API, { annotations });
      const { found } = (await result(platform.api, 'calls')) as { found: [number | string, string][] };
      expect(found.map(([status]) => status)).toEqual([200, 401, 404, 404]);
      expect(JSON.parse(found[0]![1])).toEqual(['guest']);
      await putAction(platform.api, 'without', CALLS_API, { annotations: [{ key: 'provide-api-key', value: false }] });
      const without = (await result(platform.api, 'without')) as { found: [number | string, string][] };
      for (const [status] of without.found) expect(typeof status).toBe('string');
    });

    test('a request in the body of another is not one for the API', async () => {
      const annotations = [{ key: 'provide-api-key', value: true }];
      await putAction(platform.api, 'victim', 'exports.main = () => ({ there: true })');
      await putAction(platform.api, 'hides', HIDES_REQUESTS, { annotations });
      const { host } = new URL(platform.api.url);
      const path = '/api/v1/namespaces/_/actions/victim';
      for (const hidden of [`DELETE ${path}`, 'GET /metrics']) {
        const found = await result(platform.api, 'hides', { hidden, host });
        expect(found).toEqual({ GET: 1, HEAD: 1, DELETE: 1, OPTIONS: 1, POST: 1, PUT: 1 });
      }
      expect(await result(platform.api, 'victim')).toEqual({ there: true });
    });
  });

  test('over TCP it reaches what is its own by its key, and nothing else of the machine', async () => {
    const environment = { ...(await dockerEnvironment(dockerHost)), DATAFLOWER_CONTAINERS_TRANSPORT: 'tcp' };
    const platform = await suite.start({ environment: { ...environment, DATAFLOWER_CONTAINERS_NETWORK: 'none' } });
    const annotations = [{ key: 'provide-api-key', value: true }];
    await putAction(platform.api, 'calls', CALLS_API, { annotations });
    const { found } = (await result(platform.api, 'calls')) as { found: [number | string, string][] };
    expect(found.map(([status]) => status)).toEqual([200, 401, 404, 404]);

    const code = `const net = require('node:net');
      const [, key, host, port] = /tcp:(\\w+)@([^:]+):(\\d+)/.exec(require('node:fs').readFileSync('/proc/1/environ', 'latin1'));
      const say = (to, text) => new Promise((resolve) => {
        let said = '';
        // Not ended: a server may drop what it has not answered by then.
        const socket = net.connect(to, host, () => socket.write(text));
        socket.on('data', (part) => (said += part)).on('error', (error) => resolve(error.code)).on('close', () => resolve(said));
      });
      exports.main = async ({ hostPort }) => ({ found: [
        await say(port, key + '/api\\nGET /metrics HTTP/1.0\\r\\n\\r\\n'), await say(port, key + '\\n'), await say(port, key + '/../x\\n'),
        await say(port, '0'.repeat(32) + '\\n'), await say(hostPort, '')] })`;
    await putAction(platform.api, 'keys', code, { annotations });
    const before = hostConnections;
    const said = (await result(platform.api, 'keys', { hostPort })) as { found: string[] };
    // Its own API socket is there, its own connection is taken, nobody else's is told, and other ports are shut.
    expect(said.found[0]).toMatch(/^HTTP\/1\.1 404 /);
    expect(said.found.slice(1)).toEqual(['', '', '', 'EHOSTUNREACH']);
    expect(hostConnections).toBe(before);
    await platform.stop();
  });
});
