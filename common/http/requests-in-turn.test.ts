import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { createServerInTurn } from './requests-in-turn.js';

interface Handled {
  readonly path: string;
  readonly turn: number;
}

let server: Server;
let sockets: Socket[];
/** Every request, when it was handed on. */
let handled: Handled[];
/** Turns of the loop so far. */
let turn: number;
let respond: (request: IncomingMessage, response: ServerResponse) => void;
let counting: NodeJS.Immediate;

/** The last byte of every answer. */
const END = ';'.charCodeAt(0);

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** Looks once a turn of the loop; what does not come within seconds fails the test. */
const until = async (holds: () => boolean): Promise<void> => {
  const endsAt = performance.now() + 120_000;
  while (!holds()) {
    if (performance.now() > endsAt) throw new Error(`It does not hold: ${holds.toString()}`);
    await nextTurn();
  }
};
const answer = (response: ServerResponse, text: string): void => {
  response.writeHead(200, { 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
};
const echo = (request: IncomingMessage, response: ServerResponse): void => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => answer(response, `${request.url}:${Buffer.concat(chunks).toString()};`));
};

beforeEach(async () => {
  sockets = [];
  handled = [];
  turn = 0;
  respond = (request, response) => answer(response, `${request.url};`);
  server = createServerInTurn({}, (request, response) => {
    handled.push({ path: request.url!, turn });
    respond(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const count = (): void => {
    turn++;
    counting = setImmediate(count);
  };
  count();
});
afterEach(async () => {
  clearImmediate(counting);
  for (const socket of sockets) socket.destroy();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

async function open(): Promise<Socket> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** The bodies of all answers together, when the connection has brought so many. */
async function bodies(socket: Socket, count: number): Promise<string> {
  let text = '';
  let ends = 0;
  socket.on('data', (bytes: Buffer) => {
    text += bytes.toString();
    for (const byte of bytes) if (byte === END) ends++;
  });
  await until(() => ends >= count || socket.destroyed);
  return text.replace(/HTTP\/1\.1 200 OK\r\n.*?\r\n\r\n/gs, '');
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost:\r\n\r\n`;
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const turnsOf = (prefix: string): number[] => handled.filter(({ path }) => path.startsWith(prefix)).map((h) => h.turn);

test('thousands of requests that came in one read are answered in order, one a turn of the loop', async () => {
  const socket = await open();
  socket.write(
    range(3000)
      .map((i) => get(`/${i}`))
      .join(''),
  );
  expect(await bodies(socket, 3000)).toBe(
    range(3000)
      .map((i) => `/${i};`)
      .join(''),
  );
  const turns = turnsOf('/');
  // The first read may have two, for it is parsed when it is short.
  expect(new Set(turns).size).toBeGreaterThan(2900);
});

test('another connection waits for one request of it, not for all', async () => {
  const flood = await open();
  const other = await open();
  flood.write(
    range(2000)
      .map((i) => get(`/flood/${i}`))
      .join(''),
  );
  void bodies(flood, 2000);
  await until(() => handled.length > 0);
  for (const i of range(10)) {
    const before = handled.length;
    other.write(get(`/other/${i}`));
    await until(() => turnsOf('/other').length > i);
    expect(handled.length - before).toBeLessThan(100);
  }
  expect(turnsOf('/flood').length).toBeLessThan(2000);
});

test('connections that all send ahead have their requests in turn', async () => {
  const floods = await Promise.all(range(8).map(open));
  const done = floods.map((socket, i) => {
    socket.write(
      range(100)
        .map(() => get(`/${i}/`))
        .join(''),
    );
    return bodies(socket, 100);
  });
  await Promise.all(done);
  const first = handled.map(({ path }) => path).slice(0, 400);
  for (const i of range(8)) expect(first.filter((path) => path === `/${i}/`).length).toBeGreaterThan(20);
  const perTurn = new Map<number, number>();
  for (const { turn: at } of handled.slice(100)) perTurn.set(at, (perTurn.get(at) ?? 0) + 1);
  expect(Math.max(...perTurn.values())).toBeLessThanOrEqual(8);
});

test('a request is not handled before the one in front of it is answered', async () => {
  const waiting: ServerResponse[] = [];
  respond = (_request, response) => void waiting.push(response);
  const socket = await open();
  socket.write(`${get('/a')}${get('/b')}${get('/c')}`);
  const all = bodies(socket, 3);
  for (const path of ['/a', '/b', '/c']) {
    await until(() => waiting.length > 0);
    for (let i = 0; i < 20; i++) await nextTurn();
    expect(handled.at(-1)!.path).toBe(path);
    expect(waiting).toHaveLength(1);
    answer(waiting.pop()!, `${path};`);
  }
  expect(await all).toBe('/a;/b;/c;');
});

test('bodies of every form come whole, wherever the bytes are cut', async () => {
  respond = echo;
  const blank = '\r\n\r\n'.repeat(300);
  const long = 'x'.repeat(5000);
  const withLength = (path: string, body: string): string =>
    `POST ${path} HTTP/1.1\r\nHost:\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const inChunks = (path: string, chunks: readonly string[]): string =>
    `POST ${path} HTTP/1.1\r\nHost:\r\nTransfer-Encoding: chunked\r\n\r\n` +
    [...chunks, ''].map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('');
  const text = [
    withLength('/1', long),
    withLength('/2', blank),
    get('/3'),
    inChunks(
      '/4',
      range(long.length).map(() => 'x'),
    ),
    inChunks('/5', [blank, long, '\r\n']),
    withLength('/6', ''),
    get('/7'),
  ].join('');
  const expected = `/1:${long};/2:${blank};/3:;/4:${long};/5:${blank}${long}\r\n;/6:;/7:;`;
  for (const size of [text.length, 1, 7, 1000, 1025, 4097]) {
    const socket = await open();
    const all = bodies(socket, 7);
    for (let at = 0; at < text.length; at += size) {
      socket.write(text.slice(at, at + size));
      if (size > 100) await nextTurn();
    }
    expect(await all).toBe(expected);
  }
});

test('a body in chunks of one byte is read over many turns', async () => {
  respond = echo;
  const chunks = '1\r\nx\r\n'.repeat(20_000);
  const socket = await open();
  const other = await open();
  socket.write(`POST /slow HTTP/1.1\r\nHost:\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`);
  const all = bodies(socket, 1);
  await until(() => handled.length > 0);
  const begun = turn;
  other.write(get('/other'));
  expect(await bodies(other, 1)).toBe('/other:;');
  expect((await all).length).toBe('/slow:;'.length + 20_000);
  expect(turn - begun).toBeGreaterThan(20);
});

test('what is not read is not taken: bodies, and answers', async () => {
  const waiting: ServerResponse[] = [];
  respond = (_request, response) => void waiting.push(response);
  const unread = await open();
  const piece = Buffer.alloc(1024 * 1024);
  unread.write(`POST /unread HTTP/1.1\r\nHost:\r\nContent-Length: ${64 * piece.length}\r\n\r\n`);
  for (let i = 0; i < 64; i++) unread.write(piece);
  await until(() => handled.length > 0);
  const [incoming] = waiting;
  for (let i = 0; i < 2000; i++) await nextTurn();
  expect(incoming!.req.readableLength).toBeLessThan(1024 * 1024);

  respond = (_request, response) => answer(response, 'y'.repeat(1024 * 1024));
  const deaf = await open();
  deaf.pause();
  deaf.write(get('/deaf').repeat(2000));
  await until(() => turnsOf('/deaf').length > 0);
  for (let i = 0; i < 2000; i++) await nextTurn();
  expect(turnsOf('/deaf').length).toBeLessThan(50);
});

test('the rest of a request that is answered early is nothing else, and the next is taken', async () => {
  const socket = await open();
  const body = get('/hidden').repeat(20_000);
  const chunk = `${body.length.toString(16)}\r\n${body}\r\n`;
  socket.write(
    `POST /1 HTTP/1.1\r\nHost:\r\nContent-Length: ${body.length}\r\n\r\n${body}` +
      `POST /2 HTTP/1.1\r\nHost:\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}0\r\n\r\n${get('/next')}`,
  );
  expect(await bodies(socket, 3)).toBe('/1;/2;/next;');
});
