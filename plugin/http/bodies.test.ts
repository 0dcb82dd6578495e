import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { ApiError } from '@dataflower/common/http';
import { until } from '@dataflower/common/testing';
import { BodyBudget } from './body-budget.js';
import { readBody } from './request.js';

const KIB = 1024;
const MAX_BYTES = 256 * KIB;

let server: Server;
let budget: BodyBudget;
let requests: IncomingMessage[];
let read: { error: ApiError | undefined; body: Buffer; release: () => void }[];
let sockets: Socket[];
beforeEach(async () => {
  budget = new BodyBudget(1024 * KIB);
  requests = [];
  read = [];
  sockets = [];
  server = createServer((request) => {
    requests.push(request);
    const owner = String(request.headers['x-owner']);
    readBody(request, { maxBytes: MAX_BYTES, budget, owner }, (error, body, release) => {
      read.push({ error, body, release });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

async function open(owner: string, form: string): Promise<Socket> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  const before = requests.length;
  socket.write(`POST / HTTP/1.1\r\nHost:\r\nX-Owner: ${owner}\r\n${form}\r\n\r\n`);
  await until(() => requests.length > before);
  return socket;
}
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;

test('a body in chunks of one byte takes its size in memory, not a hundred times that', async () => {
  const socket = await open('a', 'Transfer-Encoding: chunked');
  socket.write(chunk('x').repeat(100 * KIB));
  await until(() => budget.total >= 100 * KIB);
  expect(budget.total).toBeLessThanOrEqual(MAX_BYTES);
  socket.write('0\r\n\r\n');
  await until(() => read.length === 1);
  expect(read[0]!.body.equals(Buffer.alloc(100 * KIB, 'x'))).toBe(true);
  read[0]!.release();
  read[0]!.release();
  expect(budget.total).toBe(0);
});

test('a length that is announced takes nothing until the bytes come', async () => {
  const socket = await open('a', `Content-Length: ${MAX_BYTES}`);
  socket.write('x'.repeat(100));
  socket.write('y');
  await new Promise((resolve) => setImmediate(resolve));
  expect(budget.total).toBeLessThanOrEqual(16 * KIB);
});

test('one owner cannot take the room of all: 503 for him, room for the next', async () => {
  for (let i = 0; i < 8; i++) {
    const socket = await open('greedy', `Content-Length: ${MAX_BYTES}`);
    socket.write('x'.repeat(MAX_BYTES - 1));
  }
  await until(() => read.some(({ error }) => error !== undefined));
  expect(read.every(({ error }) => error?.status === 503)).toBe(true);
  expect(budget.total).toBeLessThanOrEqual(512 * KIB);

  const other = await open('other', `Content-Length: ${200 * KIB}`);
  other.write('z'.repeat(200 * KIB));
  await until(() => read.some(({ error }) => error === undefined));
  expect(read.at(-1)!.body.length).toBe(200 * KIB);
});

test('what a client has sent before it went away is given back, and so is what was refused', async () => {
  const gone = await open('a', `Content-Length: ${MAX_BYTES}`);
  gone.write('x'.repeat(100 * KIB));
  await until(() => budget.total > 0);
  gone.destroy();
  await until(() => budget.total === 0);

  const large = await open('a', 'Transfer-Encoding: chunked');
  large.write(chunk('x'.repeat(200 * KIB)) + chunk('x'.repeat(200 * KIB)));
  await until(() => read.length === 1);
  expect(read[0]!.error).toMatchObject({
    status: 413,
    message: expect.stringMatching(/^Request larger than allowed: \d+ > 262144 bytes\.$/),
  });
  expect(budget.total).toBe(0);
});
