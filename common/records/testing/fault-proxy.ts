import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** The fault that the proxy applies to every request; a number is the status that it answers. */
export type ProxyFault = 'refuse' | 'reset' | 'lose answer' | 'cut answer' | 'swallow' | 'slow' | number;

const SLOW_MS = 300;

/**
 * Between the platform and CouchDB, on loopback: passes everything on, or does what a network and a sick server do. What
 * CouchDB's parser refuses and a stand-in's does not is refused here.
 */
export class FaultProxy {
  fault: ProxyFault | undefined;
  /** Longer bodies are answered with 413. */
  maxBodyBytes = Infinity;
  /** Bodies with this text are answered with 400. */
  refuse: string | undefined;
  /** Databases say that so many nodes keep each document. */
  copies: number | undefined;
  /** Requests that were passed on to `_bulk_docs`. */
  bulkWrites = 0;
  readonly #agent = new http.Agent();

  readonly #target: URL;
  readonly #server: http.Server;

  private constructor(target: URL, server: http.Server) {
    this.#target = target;
    this.#server = server;
  }

  static async open(target: string): Promise<FaultProxy> {
    const server = http.createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new FaultProxy(new URL(target), server);
    server.on('connection', (socket) => {
      if (proxy.fault === 'refuse') socket.destroy();
    });
    server.on('request', (request, response) => {
      proxy.#handle(request, response).catch(() => response.destroy());
    });
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    this.#agent.destroy();
    await once(this.#server, 'close');
  }

  async #handle(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const body = Buffer.concat(await request.toArray());
    const { fault } = this;
    if (fault === 'swallow') return;
    if (fault === 'reset' || fault === 'refuse') {
      request.socket.resetAndDestroy();
      return;
    }
    if (typeof fault === 'number') {
      answer(response, fault, 'a fault');
      return;
    }
    if (body.length > this.maxBodyBytes) {
      answer(response, 413, 'document_too_large');
      return;
    }
    if (this.refuse !== undefined && body.includes(this.refuse)) {
      answer(response, 400, 'bad_request');
      return;
    }
    if (body.length > 0 && !isReadable(body.toString())) {
      answer(response, 400, 'bad_request');
      return;
    }
    if (fault === 'slow') await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
    const passed = await this.#passOn(request, body);
    let text = Buffer.concat(await passed.toArray());
    if (this.copies !== undefined && /^\/[^/_?][^/?]*$/.test(request.url!) && request.method === 'GET')
      text = Buffer.from(JSON.stringify({ ...JSON.parse(text.toString()), cluster: { n: this.copies } }));
    if (request.url!.includes('_bulk_docs')) this.bulkWrites++;
    if (fault === 'lose answer') {
      request.socket.resetAndDestroy();
      return;
    }
    const type = passed.headers['content-type'] ?? 'application/json';
    response.writeHead(passed.statusCode!, { 'content-type': type, 'content-length': text.length });
    if (fault === 'cut answer') response.write(text.subarray(0, text.length >> 1), () => response.destroy());
    else response.end(text);
  }

  async #passOn({ method, url, headers }: http.IncomingMessage, body: Buffer): Promise<http.IncomingMessage> {
    const { hostname, port } = this.#target;
    const given = { ...headers, host: `${hostname}:${port}`, 'accept-encoding': 'identity' };
    const passed = http.request({ hostname, port, method, path: url, headers: given, agent: this.#agent });
    passed.end(body);
    const [response] = (await once(passed, 'response')) as [http.IncomingMessage];
    return response;
  }
}

/** CouchDB's parser takes no half of a surrogate pair and no number beyond a double. */
function isReadable(json: string): boolean {
  let readable = true;
  const parsed: unknown = JSON.parse(json, (_key, value: unknown) => {
    if (typeof value === 'number' && !Number.isFinite(value)) readable = false;
    return value;
  });
  // `JSON.stringify` escapes halves alone.
  return readable && !/(?<!\\)(?:\\\\)*\\ud[89a-f]/.test(JSON.stringify(parsed));
}

function answer(response: http.ServerResponse, status: number, error: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ error, reason: 'the test wants it so' }));
}
