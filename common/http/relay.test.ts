import http, { type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { until } from '../testing/until.js';
import { HttpRelay, type HttpRelayOptions } from './relay.js';

const CHUNK = Buffer.alloc(64 * 1024, 'x');
/** More than the buffers of four sockets and streams take. */
const MANY_BYTES = 64 * 1024 * 1024;

describe('the HTTP relay', () => {
  let target: Server;
  let front: Server;
  let relay: HttpRelay;
  let respond: (request: IncomingMessage, response: ServerResponse) => void;
  const sockets = new Set<Socket>();
  const portOf = (server: Server): number => (server.address() as AddressInfo).port;

  async function open(options: Partial<HttpRelayOptions> = {}): Promise<void> {
    const origin = new URL(`http://127.0.0.1:${portOf(target)}/ignored`);
    relay = new HttpRelay({ target: origin, name: 'target', idleMs: 60_000, ...options });
    front = http.createServer((request, response) => relay.handle(request, response));
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  }

  beforeEach(async () => {
    respond = (_, response) => response.end('ok');
    target = http.createServer((request, response) =>
      respond(
        request.on('error', () => undefined),
        response,
      ),
    );
    target.on('connection', (socket: Socket) => {
      sockets.add(socket.on('close', () => sockets.delete(socket)));
    });
    await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    relay.close();
    for (const server of [front, target]) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  function call(options: http.RequestOptions = {}): http.ClientRequest {
    const request = http.request({ port: portOf(front), host: '127.0.0.1', agent: false, path: '/x?y=1', ...options });
    return request.on('error', () => undefined);
  }

  async function answerTo(request: http.ClientRequest): Promise<{ response: IncomingMessage; body: string }> {
    const response = await new Promise<IncomingMessage>((resolve) => request.on('response', resolve));
    let body = '';
    for await (const chunk of response.setEncoding('latin1')) body += chunk as string;
    return { response, body };
  }

  /** Writes until the other side takes no more; fails if it takes too much. Returns the bytes that were taken. */
  async function fill(stream: http.ClientRequest | ServerResponse): Promise<number> {
    let bytes = 0;
    let taken = -1;
    // A stream that has not drained in some turns of the loop, with everything local, is blocked.
    while (taken !== bytes) {
      taken = bytes;
      for (let turn = 0; turn < 200; turn++) {
        while (!stream.writableNeedDrain && bytes < MANY_BYTES) {
          stream.write(CHUNK);
          bytes += CHUNK.length;
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    return bytes;
  }

  it('streams both bodies: each side gets a part before the other has ended', async () => {
    let seen = '';
    let answering: ServerResponse | undefined;
    respond = (request, response) => {
      request.setEncoding('latin1').on('data', (part: string) => (seen += part));
      answering = response;
      response.write('one ');
    };
    await open();
    const request = call({ method: 'POST' });
    request.write('first ');
    let got = '';
    request.on('response', (response) => response.setEncoding('latin1').on('data', (part: string) => (got += part)));
    await until(() => seen === 'first ' && got === 'one ');
    request.end('last');
    await until(() => seen === 'first last');
    answering!.end('two');
    await until(() => got === 'one two');
  });

  it('holds back an answer that its client does not read, and ends with the client', async () => {
    let answering: ServerResponse | undefined;
    respond = (_, response) => (answering = response);
    await open();
    // A response without a reader is paused; without a listener Node would discard it.
    const request = call().on('response', (response) => response.pause());
    request.end();
    await until(() => answering !== undefined);
    expect(await fill(answering!)).toBeLessThan(MANY_BYTES);
    request.destroy();
    await until(() => sockets.size === 0, { what: 'the connection to the target is closed' });
  });

  it('holds back a request that the target does not read, and ends with the target', async () => {
    let received: IncomingMessage | undefined;
    respond = (request) => (received = request);
    await open();
    const request = call({ method: 'PUT' });
    request.write(CHUNK);
    await until(() => received !== undefined);
    expect(await fill(request)).toBeLessThan(MANY_BYTES);
    received!.destroy();
    const { response, body } = await answerTo(request);
    expect([response.statusCode, body]).toEqual([502, '{"error":"The target cannot be reached."}']);
    expect(response.headers.connection).toBe('close');
  });

  it('breaks an answer off that the target breaks off', async () => {
    respond = (_, response) => {
      response.writeHead(200, { 'content-length': 10 });
      response.write('short');
      setImmediate(() => response.destroy());
    };
    await open();
    const request = call();
    request.end();
    await expect(answerTo(request)).rejects.toThrow('aborted');
  });

  it('gives a request up whose target is silent', async () => {
    respond = () => undefined;
    await open({ idleMs: 50 });
    const request = call();
    request.end();
    expect((await answerTo(request)).response.statusCode).toBe(502);
    await until(() => sockets.size === 0);
  });

  it('relays the headers that the rules choose, and none of the connection', async () => {
    let seen: IncomingMessage | undefined;
    respond = (request, response) => {
      seen = request;
      response.writeHead(200, { 'x-target': '1', 'x-kept': '2', 'keep-alive': 'timeout=1' }).end('ok');
    };
    await open({
      requestHeaders: ({ 'x-keep': kept }, { socket }) => ({ 'x-keep': kept, 'x-from': socket.remoteAddress }),
      responseHeaders: ({ 'x-kept': kept }) => ({ 'x-kept': kept }),
    });
    const request = call({
      headers: { 'x-drop': '1', 'x-keep': '2', te: 'trailers', connection: 'x-hop', 'x-hop': '3' },
    });
    request.end();
    const { response } = await answerTo(request);
    const { host, ...headers } = seen!.headers;
    expect(host).toBe(`127.0.0.1:${portOf(target)}`);
    expect(headers).toEqual({ 'x-keep': '2', 'x-from': '127.0.0.1', connection: 'close' });
    expect(seen!.url).toBe('/x?y=1');
    expect(response.headers).toMatchObject({ 'x-kept': '2' });
    expect(response.headers).not.toHaveProperty('x-target');
  });

  it('answers a request that is refused, and does not connect for it', async () => {
    await open({ refuse: ({ method }) => (method === 'GET' ? { status: 418, error: 'no' } : undefined) });
    const refused = call();
    refused.end();
    const { response, body } = await answerTo(refused);
    expect([response.statusCode, body]).toEqual([418, '{"error":"no"}']);
    expect(sockets.size).toBe(0);
    const relayed = call({ method: 'POST' });
    relayed.end();
    expect((await answerTo(relayed)).body).toBe('ok');
  });
});
