import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { until } from '../testing/until.js';
import { createServerInTurn } from './requests-in-turn.js';
import { Turns } from './turns.js';

const head = (start: string, ...headers: string[]): string => [start, 'Host: h', ...headers, '', ''].join('\r\n');
const get = (path: string, ...headers: string[]): string => head(`GET ${path} HTTP/1.1`, ...headers);
const CHUNKED = head('POST /chunked HTTP/1.1', 'Transfer-Encoding: chunked');
const LIMITS = { headersTimeout: 60_000, requestTimeout: 60_000, connectionsCheckingInterval: 10 };

interface Client {
  readonly socket: Socket;
  readonly said: () => string;
  readonly statuses: () => string[];
}

describe.each([
  ['a server', (): Turns | undefined => undefined],
  ['a server with a budget', (): Turns => new Turns({ perTurn: 1 })],
])('%s that works on one request of a connection at a time', (_, budget) => {
  let server: Server;
  let sockets: Socket[];
  /** Paths, in the order in which they were handled. */
  let handled: string[];
  /** Answers to requests for `/slow`, which a test gives. */
  let slow: ServerResponse[];
  let respond: (request: IncomingMessage, response: ServerResponse) => void;

  beforeEach(async () => {
    sockets = [];
    handled = [];
    slow = [];
    respond = (request, response) => {
      request.on('error', () => undefined).resume();
      if (request.url === '/slow') slow.push(response);
      else response.end('ok');
    };
    server = createServerInTurn(
      LIMITS,
      (request, response) => {
        handled.push(request.url!);
        respond(request, response);
      },
      budget(),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await nothingIsLeft();
    await new Promise((resolve) => server.close(resolve));
  });

  function open(): Client {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').setEncoding('latin1');
    sockets.push(socket.on('error', () => undefined));
    let said = '';
    socket.on('data', (part: string) => (said += part));
    return { socket, said: () => said, statuses: () => said.match(/(?<=HTTP\/1\.1 )\d+/g) ?? [] };
  }
  const turns = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n++) await new Promise((resolve) => setImmediate(resolve));
  };
  async function nothingIsLeft(): Promise<void> {
    let count = -1;
    while (count !== 0) {
      await turns(1);
      count = await new Promise<number>((resolve) => server.getConnections((__, number) => resolve(number)));
    }
  }
  async function othersAreServed(): Promise<void> {
    const other = open();
    other.socket.write(get('/other', 'Connection: close'));
    await until(() => other.socket.closed, { what: 'another is answered' });
    expect(other.statuses()).toEqual(['200']);
  }

  it.each([
    ['lack a host', 'GET /x HTTP/1.1\r\n\r\n', ['400'], 0],
    ['expect something else', get('/x', 'Expect: x'), Array<string>(2000).fill('417'), 0],
    ['ask whether to go on', get('/x', 'Expect: 100-continue'), Array(2000).fill(['100', '200']).flat(), 2000],
    ['ask for another protocol', get('/x', 'Connection: upgrade', 'Upgrade: x'), Array<string>(2000).fill('200'), 2000],
  ])('answers those that %s in their turn, behind one in progress', async (__, request, statuses, count) => {
    const client = open();
    client.socket.write(get('/slow') + request.repeat(2000));
    await until(() => slow.length === 1);
    await turns(200);
    expect(client.said()).toBe('');
    expect(handled).toEqual(['/slow']);
    slow[0]!.end('ok');
    await until(() => client.statuses().length > statuses.length);
    expect(client.statuses()).toEqual(['200', ...statuses]);
    expect(handled.length).toBe(1 + count);
    await othersAreServed();
  });

  it.each([
    ['a tunnel', head('CONNECT h:1 HTTP/1.1')],
    ['another protocol', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['no HTTP', 'hello\r\n\r\n'],
    ['a body in two ways', head('POST / HTTP/1.1', 'Content-Length: 1', 'Transfer-Encoding: chunked')],
  ])('handles nothing behind %s', async (__, request) => {
    for (const ahead of ['', get('/slow'), get('/slow') + get('/x').repeat(100)]) {
      handled = [];
      slow = [];
      const client = open();
      client.socket.write(ahead + request + get('/hidden').repeat(2000));
      if (ahead !== '') await until(() => slow.length === 1 || client.socket.closed);
      slow[0]?.end('ok');
      await until(() => client.socket.closed, { what: 'the connection is closed' });
      expect(handled).not.toContain('/hidden');
    }
    await othersAreServed();
  });

  it('handles nothing behind its last answer, in whatever pieces it comes', async () => {
    respond = (_request, response) => {
      response.writeHead(200, { connection: 'close' }).end('y'.repeat(100_000));
    };
    const client = open();
    client.socket.write(get('/last') + get('/hidden').repeat(2000));
    while (!client.socket.closed) {
      client.socket.write(get('/hidden'));
      await turns(1);
    }
    expect(handled).toEqual(['/last']);
  });

  it('answers one request of HTTP/1.0 on a connection, also when that is to be kept', async () => {
    for (const kept of [[], ['Connection: keep-alive']]) {
      const client = open();
      client.socket.write(head('GET /x HTTP/1.0', ...kept).repeat(2000));
      await until(() => client.socket.closed);
      expect(client.statuses().length).toBeLessThanOrEqual(1);
    }
    const bare = open();
    bare.socket.write('GET /bare HTTP/1.0\r\n\r\n');
    await until(() => bare.socket.closed);
    expect(bare.statuses()).toEqual(['200']);
  });

  it.each([
    ['headers', 'GET /x HTTP/1.1\r\nHost: h\r\n', 'X: y\r\n'],
    ['a header', 'GET /x HTTP/1.1\r\nHost: h\r\nX: ', 'y'.repeat(100)],
    ['an address', 'GET /', 'y'.repeat(100)],
    ['an extension of a chunk', `${CHUNKED}1;`, 'y'.repeat(100)],
    ['extensions of a chunk', `${CHUNKED}1`, ';y=z'],
    ['trailers', `${CHUNKED}1\r\nx\r\n0\r\n`, 'X: y\r\n'],
  ])('ends a connection that sends %s without end', async (__, begin, more) => {
    const client = open();
    client.socket.write(begin);
    let sent = 0;
    const piece = more.repeat(20);
    while (!client.socket.closed) {
      if (!client.socket.writableNeedDrain) client.socket.write(piece);
      sent += piece.length;
      expect(sent).toBeLessThan(50_000_000);
      await turns(1);
    }
    expect(handled).toEqual(begin.startsWith(CHUNKED) ? ['/chunked'] : []);
    await othersAreServed();
  });

  it('ends connections whose head does not come, and lets those wait that were sent ahead', async () => {
    const ahead = open();
    ahead.socket.write(get('/slow') + get('/x').repeat(200));
    await until(() => slow.length === 1);
    const late = Array.from({ length: 50 }, open);
    for (const { socket } of late) socket.write('GET / HTTP/1.1\r\n');
    await othersAreServed();
    server.headersTimeout = 100;
    await until(() => late.every(({ socket }) => socket.closed), { what: 'no head is waited for' });
    for (const { statuses } of late) expect(statuses()).toEqual(['408']);
    slow[0]!.end('ok');
    await until(() => ahead.statuses().length === 201);
  });

  it('forgets a client that has gone, or sends no more, with requests ahead', async () => {
    const clients = Array.from({ length: 20 }, open);
    for (const { socket } of clients) socket.write(get('/slow') + get('/x').repeat(2000));
    await until(() => slow.length === 20);
    clients.forEach(({ socket }, n) => {
      if (n % 2 === 0) socket.destroy();
      else socket.end();
    });
    await turns(50);
    for (const response of slow) response.end('ok');
    await until(() => clients.every(({ socket }) => socket.closed));
    await nothingIsLeft();
    await othersAreServed();
  });

  it('serves connection after connection, no more of them at once than it may', async () => {
    server.maxConnections = 8;
    for (let round = 1; round <= 20; round++) {
      slow = [];
      const clients = Array.from({ length: 16 }, open);
      for (const { socket } of clients) socket.write(get('/slow', 'Connection: close'));
      await until(() => slow.length === 8 && clients.filter(({ socket }) => socket.closed).length === 8);
      for (const response of slow) response.end('ok');
      await until(() => clients.every(({ socket }) => socket.closed));
      expect(clients.filter(({ statuses }) => statuses()[0] === '200')).toHaveLength(8);
      expect(handled).toHaveLength(8 * round);
      await nothingIsLeft();
    }
    await othersAreServed();
  });

  it('parses few connections a turn of the loop, of all that send bodies in tiny chunks', async () => {
    let turn = 0;
    let counting: NodeJS.Immediate;
    const count = (): void => {
      turn++;
      counting = setImmediate(count);
    };
    count();
    const perTurn = new Map<number, Set<IncomingMessage>>();
    let ended = 0;
    respond = (request, response) => {
      request.on('data', () => {
        const parsed = perTurn.get(turn) ?? new Set();
        perTurn.set(turn, parsed.add(request));
      });
      request.on('end', () => {
        ended++;
        response.end('ok');
      });
    };
    for (let n = 0; n < 32; n++) open().socket.write(`${CHUNKED}${'1\r\nx\r\n'.repeat(10_000)}0\r\n\r\n`);
    await until(() => ended === 32);
    clearImmediate(counting!);
    const sizes = [...perTurn.values()].map((parsed) => parsed.size).sort((a, b) => a - b);
    expect(sizes[Math.floor(sizes.length / 2)]).toBeLessThanOrEqual(8);
  });
});
