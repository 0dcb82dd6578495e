import { mkdtempSync, rmSync } from 'node:fs';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { TestClock, until } from '@dataflower/common/testing';
import { ApiRelay } from './api-relay.js';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
/** A request that must not be seen by the API. */
const HIDDEN = 'DELETE /metrics HTTP/1.1\r\nHost: api\r\nContent-Length: 0\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly body: string;
}

describe('the relay to the API', () => {
  let directory: string;
  let clock: TestClock;
  /** Counts what every connection brings, as bytes and as requests. */
  let upstream: http.Server;
  let raw: Server;
  let connections: { text: string; requests: Seen[] }[];
  let respond: (request: IncomingMessage, response: ServerResponse) => void;
  let relays: ApiRelay[];
  let sockets: Set<Socket>;

  beforeEach(async () => {
    directory = mkdtempSync(path.join(os.tmpdir(), 'dfr-'));
    clock = new TestClock();
    connections = [];
    relays = [];
    sockets = new Set();
    respond = (_, response) => response.end('ok');
    upstream = http.createServer((request, response) => {
      let body = '';
      request.setEncoding('latin1').on('data', (part: string) => (body += part));
      request.on('end', () => {
        const { requests } = (request.socket as Socket & { seen: (typeof connections)[number] }).seen;
        requests.push({ method: request.method!, url: request.url!, body });
        respond(request, response);
      });
    });
    raw = createServer((socket) => {
      const seen = { text: '', requests: [] as Seen[] };
      connections.push(seen);
      sockets.add(socket.on('error', () => undefined));
      upstream.emit('connection', Object.assign(socket, { seen }));
      socket.on('data', (bytes) => (seen.text += bytes.toString('latin1')));
    });
    await new Promise<void>((resolve) => raw.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    for (const relay of relays) relay.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => raw.close(resolve));
    rmSync(directory, { recursive: true });
    expect(clock.timers).toBe(0);
  });

  async function open(name: string, port = (raw.address() as AddressInfo).port): Promise<string> {
    const at = path.join(directory, name);
    relays.push(await ApiRelay.listen(at, `http://127.0.0.1:${port}`, clock));
    return at;
  }

  function client(at: string): { socket: Socket; said: () => string; closed: () => boolean } {
    const socket = connect(at).setEncoding('latin1');
    sockets.add(socket);
    let said = '';
    let closed = false;
    socket.on('data', (part: string) => (said += part));
    socket.on('error', () => undefined).on('close', () => (closed = true));
    return { socket, said: () => said, closed: () => closed };
  }

  /** Says this; resolves to what is answered until the relay closes the connection. */
  async function say(at: string, ...texts: string[]): Promise<string> {
    const { socket, said, closed } = client(at);
    for (const text of texts) socket.write(text, 'latin1');
    await until(closed, { what: 'the relay closes the connection' });
    return said();
  }

  const requests = (): Seen[] => connections.flatMap((connection) => connection.requests);
  const chunked = (body: string): string =>
    `Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;

  describe.each(METHODS)('%s', (method) => {
    const bodies: [string, string, string][] = [
      ['no body', '\r\n', ''],
      ['a body with a length', `Content-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`, HIDDEN],
      ['a chunked body', chunked(HIDDEN), HIDDEN],
      ['an empty chunked body', 'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n', ''],
    ];
    it.each(bodies)('with %s is one request, on a connection of its own', async (_, rest, body) => {
      const at = await open('api');
      const start = `${method} /api/v1/namespaces?x=1 HTTP/1.1\r\nHost: h\r\n`;
      const said = await say(at, `${start}Connection: keep-alive\r\n${rest}`, `${start}Connection: close\r\n${rest}`);
      expect(said.match(/HTTP\/1\.1 200 /g)).toHaveLength(2);
      const one = { method, url: '/api/v1/namespaces?x=1', body };
      expect(connections.map((connection) => connection.requests)).toEqual([[one], [one]]);
      for (const { text } of connections) {
        const head = text.slice(0, text.indexOf('\r\n\r\n'));
        expect(head).toMatch(/^connection: close$/im);
        if (body !== '') expect(head.match(/^(?:transfer-encoding|content-length):/gim)).toHaveLength(1);
      }
    });
  });

  it.each([
    ['two lengths', `POST /api/v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 60\r\n\r\n${HIDDEN}`],
    ['a list of lengths', `POST /api/v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\n${HIDDEN}`],
    ['a signed length', `POST /api/v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\n${HIDDEN}`],
    ['a length and chunks', `POST /api/v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n${chunked(HIDDEN)}`],
    [
      'chunks and a length',
      `GET /api/v1/x HTTP/1.1\r\nHost: h\r\n${chunked(HIDDEN).replace('\r\n', '\r\nContent-Length: 4\r\n')}`,
    ],
    [
      'a coding that is not last',
      `GET /api/v1/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, gzip\r\n\r\n${HIDDEN}`,
    ],
    [
      'a coding that is not known',
      `GET /api/v1/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['two codings', `GET /api/v1/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n${chunked(HIDDEN)}`],
    ['a coding in disguise', `GET /api/v1/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n`],
    [
      'a folded coding',
      `GET /api/v1/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\r\n chunked\r\nX: y\r\n z\r\n\r\nzz\r\n`,
    ],
    ['a space before the colon', `GET /api/v1/x HTTP/1.1\r\nHost: h\r\nContent-Length : 5\r\n\r\n${HIDDEN}`],
    [
      'a wrong size of a chunk',
      `GET /api/v1/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5x\r\n${HIDDEN}`,
    ],
    ['a whole address', `GET http://h/api/v1/x HTTP/1.1\r\nHost: h\r\n\r\n`],
    ['another host in the address', `GET http://127.0.0.1:1/api/v1/x HTTP/1.1\r\nHost: h\r\n\r\n`],
    ['no path', `OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n`],
    ['a tunnel', `CONNECT /api/v1/x HTTP/1.1\r\nHost: h\r\n\r\n${HIDDEN}`],
    ['a method of others', `TRACE /api/v1/x HTTP/1.1\r\nHost: h\r\n\r\n`],
    [
      'an expectation',
      `POST /api/v1/x HTTP/1.1\r\nHost: h\r\nExpect: more\r\nConnection: close\r\nContent-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`,
    ],
    ['no version', `GET /api/v1/x\r\n\r\n`],
    ['another protocol', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ])('passes on nothing hidden in a request with %s', async (_, text) => {
    const said = await say(await open('api'), text);
    expect(said).not.toMatch(/^HTTP\/1\.1 200/);
    // Only the request itself may arrive, complete or not at all.
    expect(requests().filter(({ url }) => url !== '/api/v1/x')).toEqual([]);
    for (const { text: there } of connections) expect(there).not.toMatch(/ HTTP\/1\.[^]* HTTP\/1\./);
  });

  it.each([
    '/metrics',
    '/api/v1',
    '/api/v10/x',
    '//api/v1/x',
    '/api/v1/../../metrics',
    '/api/v1/..',
    '/api/v1/./x',
    '/api/v1/%2e%2e/%2e%2e/metrics',
    '/api/v1/.%2E/x',
    '/api/v1/x%2f..%2f..%2fmetrics',
    '/api/v1/x%5c..%5c..%5cmetrics',
    '/api/v1/..\\..\\metrics',
    '/api/v1/%252e%252e/x',
    '/api/v1/..;/..;x=1/metrics',
    '/api/v1/%25252525252e',
    '/api/v1/%',
    '/api/v1/%c0%ae%c0%ae/x',
    '/api/v1/x%0d%0aX:%20y',
    '/api/v1/x%00',
    '/api/v1/x#/../..',
    '/api/v1/\u00e4',
  ])('refuses the path %s', async (target) => {
    expect(await say(await open('api'), `GET ${target} HTTP/1.1\r\nHost: h\r\n\r\n`)).toMatch(/^(?:HTTP\/1\.1 404 |$)/);
    expect(connections).toEqual([]);
  });

  it.each([
    '/api/v1/namespaces/_/actions/a%20b/c..d?x=../..&y=%2e%2e',
    '/api/v1/web/guest/p%40q/.x/..y/a.json',
    '/api/v1/',
  ])('passes the path %s on as it is', async (target) => {
    await say(await open('api'), `GET ${target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
    expect(requests()).toEqual([{ method: 'GET', url: target, body: '' }]);
  });

  it('drops the headers of the connection, and those that it names', async () => {
    const named =
      'Connection: close, X-Secret, Authorization\r\nX-Secret: 1\r\nAuthorization: Basic x\r\nX-Open: 2\r\n';
    const hop =
      'Keep-Alive: timeout=9\r\nTE: trailers\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nProxy-Connection: keep-alive\r\n';
    await say(await open('api'), `GET /api/v1/x HTTP/1.1\r\nHost: evil\r\n${named}${hop}\r\n`);
    const { port } = raw.address() as AddressInfo;
    const lines = connections[0]!.text
      .trim()
      .split('\r\n')
      .slice(1)
      .map((line) => line.toLowerCase())
      .sort();
    expect(lines).toEqual(['connection: close', `host: 127.0.0.1:${port}`, 'x-open: 2']);
  });

  it('shares no connection between containers: each is answered what it asked', async () => {
    respond = ({ headers }, response) => response.end(headers.authorization);
    const [one, two] = [await open('1'), await open('2')];
    const ask = (at: string, who: string): Promise<string> =>
      say(
        at,
        `GET /api/v1/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: ${who}\r\n${chunked(`${HIDDEN}GET /api/v1/y HTTP/1.1\r\nHost: h\r\nAuthorization: forged\r\n\r\n`)}`,
      );
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => ask(n % 2 === 0 ? one : two, `who-${n}.`)));
    answers.forEach((said, n) => expect(said).toContain(`who-${n}.`));
    expect(connections.map((connection) => connection.requests.length)).toEqual(Array(20).fill(1));
  });

  it('takes one request of a connection at a time, whatever its version', async () => {
    const held: ServerResponse[] = [];
    respond = (_, response) => held.push(response);
    const one = (version: string): string =>
      `GET /api/v1/x HTTP/${version}\r\nHost: h\r\nConnection: keep-alive\r\n\r\n`;
    const { socket, said } = client(await open('api'));
    socket.write(one('1.1').repeat(30) + one('1.0').repeat(3));
    for (let n = 1; n <= 33; n++) {
      await until(() => held.length === n, { what: `request ${n} is there` });
      // A turn is what a second one would have needed.
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
      expect(held).toHaveLength(n);
      held[n - 1]!.end('ok');
    }
    await until(() => said().match(/ok/g)?.length === 33, { what: 'all are answered' });
  });

  it.each([
    ['by the relay', 'GET / HTTP/1.1\r\nHost: h\r\n\r\n', 404],
    ['for want of a host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['for what it expects', 'GET / HTTP/1.1\r\nHost: h\r\nExpect: x\r\n\r\n', 417],
    [
      'after it was told to go on',
      'POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n',
      100,
    ],
  ])('has a budget: a container that is refused %s waits, and its neighbour does not', async (_, request, status) => {
    const [hostile, fair] = [await open('1'), await open('2')];
    // Of this kind the connection goes on.
    const many = status === 417 ? 1 : 2000;
    let refused = 0;
    let isOver = false;
    const flood = async (): Promise<void> => {
      while (!isOver) {
        const { socket, said, closed } = client(hostile);
        socket.write(request.repeat(many));
        await until(() => closed() || said().includes(`HTTP/1.1 ${status} `) || isOver);
        if (said().startsWith(`HTTP/1.1 ${status} `)) refused++;
        socket.destroy();
      }
    };
    const floods = Array.from({ length: 16 }, flood);
    try {
      await until(() => refused === 50, { what: 'the budget is spent' });
      for (let n = 0; n < 40; n++)
        expect(await say(fair, 'GET /api/v1/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n')).toMatch(/ok$/);
      expect(refused).toBe(50);
      clock.advance(100);
      await until(() => refused === 100, { what: 'there is another budget' });
    } finally {
      isOver = true;
      await Promise.all(floods);
    }
    expect(requests()).toHaveLength(40);
  });

  it('passes large bodies on in both ways, in whatever pieces they come', async () => {
    const at = await open('api');
    const body = `${'x'.repeat(50)}\r\n\r\n\n\n`.repeat(4000);
    respond = (_, response) => response.end(body);
    const rest = chunked(body);
    const pieces = Array.from({ length: Math.ceil(rest.length / 9973) }, (_, n) =>
      rest.slice(n * 9973, (n + 1) * 9973),
    );
    const said = await say(at, 'POST /api/v1/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n', ...pieces);
    expect(requests()[0]!.body === body).toBe(true);
    expect(said.endsWith(`${body}\r\n0\r\n\r\n`) || said.endsWith(body)).toBe(true);
    const byLength = await say(
      at,
      `PUT /api/v1/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`,
      body,
    );
    expect(byLength).toMatch(/^HTTP\/1\.1 200 /);
    expect(requests()[1]!.body === body).toBe(true);
  });

  it('tells the API that a caller has gone, and is there for the next', async () => {
    const at = await open('api');
    respond = () => undefined;
    const { socket } = client(at);
    socket.write('GET /api/v1/x HTTP/1.1\r\nHost: h\r\n\r\n');
    await until(() => requests().length === 1);
    const there = [...sockets].filter((known) => !known.destroyed && known !== socket);
    socket.destroy();
    await until(() => there.every((known) => known.destroyed), { what: 'its connection to the API is closed' });
    respond = (_, response) => response.end('ok');
    expect(await say(at, 'GET /api/v1/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n')).toMatch(/ok$/);
  });

  it.each([
    ['breaks off', 'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nshort', /^(?:HTTP\/1\.1 200 [^]*short)?$/],
    ['switches protocols', 'HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n', /^HTTP\/1\.1 502 /],
    [
      'says two things at once',
      `HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok`,
      /^HTTP\/1\.1 502 /,
    ],
    ['is coded', `HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, /^HTTP\/1\.1 502 /],
    ['is none', 'hello\r\n\r\n', /^HTTP\/1\.1 502 /],
    ['is followed by another', OK + OK.replace('ok', 'no'), /^HTTP\/1\.1 200 [^]*ok$/],
    [
      'is announced',
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${OK}`,
      /^HTTP\/1\.1 200 [^]*ok$/,
    ],
    ['has no length', 'HTTP/1.1 200 OK\r\n\r\nall of it', /^HTTP\/1\.1 200 [^]*all of it/],
    [
      'has no body',
      'HTTP/1.1 204 No Content\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n',
      /^HTTP\/1\.1 204 (?![^]*X-Hop)/i,
    ],
  ])('gives an answer that %s as what it is', async (_, reply, expected) => {
    const odd = createServer((socket) => {
      sockets.add(socket.on('error', () => undefined));
      socket.once('data', () => socket.end(reply));
    });
    await new Promise<void>((resolve) => odd.listen(0, '127.0.0.1', resolve));
    const at = await open('api', (odd.address() as AddressInfo).port);
    expect(await say(at, 'GET /api/v1/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n')).toMatch(expected);
    await new Promise((resolve) => odd.close(resolve));
  });

  it('reports a target that cannot be reached', async () => {
    const at = await open('api', 1);
    expect(await say(at, 'POST /api/v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhe')).toMatch(
      /^HTTP\/1\.1 502 /,
    );
  });
});
