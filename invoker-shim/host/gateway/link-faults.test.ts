import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { MemoryRecords } from '@dataflower/common/records/testing';
import { until } from '@dataflower/common/testing';
import { portableFunction, startOf } from '../testing/targets.js';
import { encodeFrame } from '../wire/frame.js';
import { PROTOCOL_VERSION } from '../wire/greeting.js';
import { HostServer } from '../agent/host-server.js';
import { MessageType } from '../messages/message-type.js';
import { RemoteHost } from './remote-host.js';
import { connectSecurely, listenSecurely, type SecureListener } from '../wire/secure-stream.js';
import { ScriptedHost } from '../testing/scripted-host.js';
import { WithheldRecords } from '../agent/withheld-records.js';

// Real sockets with the wrong things at their other ends.

const SECRET = 'a secret of at least thirty-two characters';
const OTHER = 'another secret of thirty-two characters...';
const echo = portableFunction('echo', '');
const never = new AbortController().signal;

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Listening {
  readonly listener: SecureListener;
  readonly host: ScriptedHost;
  readonly server: HostServer;
  readonly files: MemoryRecords;
  readonly refused: string[];
  readonly warnings: string[];
}

async function listening(product = '1'): Promise<Listening> {
  const files = new MemoryRecords();
  const refused: string[] = [];
  const warnings: string[] = [];
  const records = new WithheldRecords(files);
  const host = new ScriptedHost(records);
  const warn = (fields: { err?: Error }): void => void warnings.push(fields.err?.message ?? '');
  const logger = { debug: () => undefined, info: () => undefined, warn, error: warn };
  const server = new HostServer({ id: 'host0', product, host, records, logger });
  const listener = await listenSecurely({
    host: '127.0.0.1',
    port: 0,
    secret: SECRET,
    accept: (stream) => server.accept(stream),
    refused: (reason) => refused.push(reason),
  });
  closing.push(() => server.close());
  closing.push(() => listener.close());
  return { listener, host, server, files, refused, warnings };
}

function gateway(port: number, change: { secret?: string; id?: string; product?: string } = {}) {
  const { secret = SECRET, id = 'host0', product = '1' } = change;
  const troubles: string[] = [];
  const log = (_fields: object, message: string): void => void troubles.push(message);
  const remote = new RemoteHost({
    id,
    address: `127.0.0.1:${port}`,
    open: (signal) => connectSecurely({ host: '127.0.0.1', port }, secret, signal),
    product,
    name: 'test',
    records: new MemoryRecords(),
    codes: { load: () => Promise.reject(new Error('no code here')) },
    logger: { debug: () => undefined, info: () => undefined, warn: log, error: log },
  });
  closing.push(() => remote.close(0));
  return { remote, troubles };
}

async function rawServer(onSocket: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

test('another secret is refused, and both sides say so', async () => {
  const { listener, refused, server } = await listening();
  const { remote, troubles } = gateway(listener.port, { secret: OTHER });
  await until(() => troubles.length > 0 && refused.length > 0);
  expect(troubles[0]).toMatch(/another secret: cluster\.secret must be the same/);
  expect(troubles[0]).not.toContain(OTHER);
  expect(remote.reach).not.toBe('connected');
  expect(server.gateways).toEqual([]);
});

test('nothing is said or taken without encryption', async () => {
  const { listener, refused } = await listening();
  const socket = net.connect(listener.port, '127.0.0.1');
  socket.on('error', () => undefined);
  const heard: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => heard.push(chunk));
  const hello = {
    protocol: PROTOCOL_VERSION,
    features: [],
    product: '1',
    role: 'gateway',
    name: 'x',
    instance: 'y',
    host: 'host0',
  };
  socket.write(encodeFrame(MessageType.HELLO, JSON.stringify(hello)));
  await once(socket, 'close');
  expect(refused).toHaveLength(1);
  expect(Buffer.concat(heard).toString('latin1')).not.toContain('host0');
});

test('what is no shim is told apart', async () => {
  const port = await rawServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  const { troubles } = gateway(port);
  await until(() => troubles.length > 0);
  expect(troubles[0]).toMatch(/no dataflower shim/);
});

test('a wrong address is named, and so is another release', async () => {
  const { listener } = await listening();
  const { troubles } = gateway(listener.port, { id: 'host9' });
  await until(() => troubles.length > 0);
  expect(troubles[0]).toMatch(/this is the host host0, not host9: correct the addresses/);

  const old = await connectSecurely({ host: '127.0.0.1', port: listener.port }, SECRET, never);
  const said: Buffer[] = [];
  old.on('data', (chunk: Buffer) => said.push(chunk));
  old.write(encodeFrame(MessageType.HELLO, JSON.stringify({ protocol: 0, product: '0.0.9', host: 'host0' })));
  await once(old, 'close');
  expect(Buffer.concat(said).toString()).toMatch(/release 0\.0\.9 speaks version 0 .* run the same release on both/);
});

const badFrames: Record<string, Buffer> = {
  'random bytes': Buffer.from('f'.repeat(100)),
  'a length beyond all bounds': Buffer.from([0x7f, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0]),
  'a frame without room for its head': Buffer.from([0, 0, 0, 5, 1, 0, 0, 1, 0]),
  'an empty frame': Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
  'a greeting that is not JSON': encodeFrame(MessageType.HELLO, '{'),
  'a start before the greeting': encodeFrame(MessageType.START, '[1,1]'),
};

test.each(Object.entries(badFrames))('%s close that connection and no other', async (_what, bytes) => {
  const { listener, host, warnings } = await listening();
  const { remote } = gateway(listener.port);
  await until(() => remote.reach === 'connected');
  const socket = await connectSecurely({ host: '127.0.0.1', port: listener.port }, SECRET, never);
  socket.write(bytes);
  await once(socket, 'close');
  expect(warnings.length).toBeGreaterThan(0);
  const message = startOf(echo);
  const answer = new Promise<string>((resolve) => remote.start(message, (_record, result) => resolve(result)));
  await until(() => host.running.length === 1);
  host.finish(message.activationId);
  expect(await answer).toBe('{}');
});

test.each([
  ['a start of a target that was not sent', MessageType.START, '[1,7,"' + '0'.repeat(32) + '","t","ns","s",1,null,0]'],
  ['a question that is not JSON', MessageType.REQUEST, '['],
  ['a question that is no list', MessageType.REQUEST, 'null'],
  ['a question without a method', MessageType.REQUEST, '[1]'],
  ['doubts that are no list', MessageType.RESUME, '7'],
  ['a doubt without a namespace', MessageType.RESUME, '[null]'],
  ['a message of an unknown type', 99, ''],
])('%s: a greeted peer is cut off, and nothing starts', async (_what, type, head) => {
  const { listener, host, server } = await listening();
  const socket = await connectSecurely({ host: '127.0.0.1', port: listener.port }, SECRET, never);
  const hello = {
    protocol: PROTOCOL_VERSION,
    features: [],
    product: '1',
    role: 'gateway',
    name: 'x',
    instance: 'y',
    host: 'host0',
  };
  socket.write(encodeFrame(MessageType.HELLO, JSON.stringify(hello)));
  socket.resume();
  await until(() => server.gateways.length === 1);
  socket.write(encodeFrame(type, head));
  await once(socket, 'close');
  expect(host.started).toEqual([]);
});

test('a gateway that does not read is cut off before memory is full, and finds what it missed', async () => {
  const { listener, host, files } = await listening();
  let plain: Duplex | undefined;
  let deaf = false;
  const port = await rawServer((socket) => {
    const onward = net.connect(listener.port, '127.0.0.1');
    onward.on('error', () => socket.destroy());
    onward.on('close', () => socket.destroy());
    socket.on('close', () => onward.destroy());
    socket.pipe(onward);
    onward.on('data', (chunk: Buffer) => {
      if (deaf) onward.pause();
      else socket.write(chunk);
    });
    plain = onward;
  });
  const { remote } = gateway(port);
  await until(() => remote.reach === 'connected');
  const text = JSON.stringify({ text: 'x'.repeat(4 * 1024 * 1024) });
  const messages = Array.from({ length: 80 }, () => startOf(echo));
  const answers = new Map<string, string>();
  for (const message of messages) {
    remote.start(message, ({ activationId }, result) => void answers.set(activationId, result));
  }
  await until(() => host.running.length === messages.length);
  deaf = true;
  for (const id of host.running) host.finish(id, text);
  await until(() => plain!.destroyed);
  deaf = false;
  await until(() => answers.size === messages.length, { what: 'all are answered' });
  expect([...answers.values()].every((answer) => answer === text)).toBe(true);
  expect(files.appended).toHaveLength(messages.length);
});

test('logs of control characters, which are six times as long in JSON, keep no answer and no record from the plugin', async () => {
  const { listener, host } = await listening();
  const { remote } = gateway(listener.port);
  await until(() => remote.reach === 'connected');
  const message = startOf(echo);
  const { activationId, identity } = message;
  const answer = new Promise<readonly string[]>((resolve) => remote.start(message, ({ logs }) => resolve(logs)));
  await until(() => host.running.length === 1);
  const line = '\u0000'.repeat(1023);
  host.finish(activationId, '{}', '{"caller":true}', new Array<string>(12 * 1024).fill(line));
  const logs = await answer;
  expect(logs[0]).toBe(line);
  expect(logs.at(-1)).toMatch(/^Logs were truncated/);
  expect((await remote.records.get(identity.namespace, activationId))?.logs).toEqual(logs);
  expect(remote.reach).toBe('connected');
});
