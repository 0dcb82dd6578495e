import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { type AddressInfo, type Socket, connect } from 'node:net';
import { TestClock } from '../containers/testing/test-clock.js';
import { until } from '../containers/testing/until.js';
import { oneRequestAtATime } from './request-gate.js';
import { Turns } from './turns.js';

describe('a server that takes one request of a connection at a time', () => {
  let server: Server;
  let sockets: Socket[];
  let turns: Turns;
  let port: number;
  let respond: (request: IncomingMessage, response: ServerResponse) => void;

  beforeEach(async () => {
    sockets = [];
    turns = new Turns(new TestClock(), { perTurn: 1 });
    server = createServer((request, response) => respond(request, response));
    oneRequestAtATime(server, turns);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ({ port } = server.address() as AddressInfo);
  });
  afterEach(async () => {
    turns.close();
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  function open(): { socket: Socket; said: () => string } {
    const socket = connect(port, '127.0.0.1').setEncoding('latin1');
    sockets.push(socket.on('error', () => undefined));
    let said = '';
    socket.on('data', (part: string) => (said += part));
    return { socket, said: () => said };
  }

  const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`;
  const post = (body: string): string => `POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const chunked = (...chunks: string[]): string =>
    `POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n${chunks
      .map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`)
      .join('')}0\r\n\r\n`;

  it('answers all that was sent at once in its order, however it is cut', async () => {
    respond = (request, response) => {
      let body = '';
      request.setEncoding('latin1').on('data', (part: string) => (body += part));
      request.on('end', () => response.end(`<${request.url} ${body}>`));
    };
    const body = 'a\r\n\r\n\n\nb';
    const text = [get('/1'), post(body), chunked(body, '\n', body), '\r\n', get('/2'), chunked(), post('x'), get('/3')];
    const expected = [`/1 `, `/ ${body}`, `/ ${body}\n${body}`, '/2 ', '/ ', '/ x', '/3 ']
      .map((it) => `<${it}>`)
      .join('');
    for (const size of [1, 2, 3, 7, 64, 10_000]) {
      const { socket, said } = open();
      const all = text.join('');
      for (let at = 0; at < all.length; at += size) {
        socket.write(all.slice(at, at + size));
        // Each piece in a read of its own, as far as the machine has it so.
        await new Promise((resolve) => setImmediate(resolve));
      }
      const answers = (): string =>
        said()
          .match(/<[^>]*>/g)
          ?.join('') ?? '';
      await until(() => answers().length >= expected.length, `all is answered, in pieces of ${size}`);
      expect(answers()).toBe(expected);
      socket.destroy();
    }
  });

  it('begins one request a turn of the loop over all connections, and each connection has its turn', async () => {
    const begun: string[] = [];
    let turn = 0;
    const turnOf: number[] = [];
    respond = (request, response) => {
      begun.push(request.url!);
      turnOf.push(turn);
      response.end();
    };
    let isOver = false;
    const count = (): void => {
      turn++;
      if (!isOver) setImmediate(count);
    };
    count();
    for (const name of ['a', 'b', 'c']) open().socket.write(get(`/${name}`).repeat(300));
    await until(() => begun.length === 900);
    isOver = true;
    expect(new Set(turnOf).size).toBe(900);
    // None is a tenth of its requests ahead of another.
    for (const name of ['/a', '/b', '/c'])
      expect(begun.slice(0, 600).filter((path) => path === name).length).toBeGreaterThan(150);
  });

  it('leaves the rest of a request that is answered early to the server, and takes the next', async () => {
    respond = (request, response) => response.end(`<${request.url}>`);
    const { socket, said } = open();
    socket.write(post('y'.repeat(500_000)) + chunked('z'.repeat(100_000)) + get('/next'));
    await until(() => said().includes('</next>'));
    expect(said().match(/<[^>]*>/g)).toEqual(['</>', '</>', '</next>']);
  });

  it('leaves the time limits of the server as they are', async () => {
    respond = (_, response) => response.end('ok');
    const limits = { headersTimeout: 50, requestTimeout: 50, connectionsCheckingInterval: 10 };
    const strict = createServer(limits, (request, response) => respond(request, response));
    oneRequestAtATime(strict, turns);
    await new Promise<void>((resolve) => strict.listen(0, '127.0.0.1', resolve));
    ({ port } = strict.address() as AddressInfo);
    const { socket, said } = open();
    socket.write('GET / HTTP/1.1\r\n');
    await until(() => socket.closed, 'a head that does not come is not waited for');
    expect(said()).toMatch(/^HTTP\/1\.1 408 /);
    await new Promise((resolve) => strict.close(resolve));
  });
});
