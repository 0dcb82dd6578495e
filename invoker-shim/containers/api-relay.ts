import { chmodSync } from 'node:fs';
import http, { type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import https from 'node:https';

/** What of the API containers may call. */
const API_PATH = '/api/v1/';
/** Connections of one container at once; further ones wait to be taken. */
const MAX_CONNECTIONS = 16;
/** Time for the header of a request, and without a byte from either side, in ms: a blocking invocation waits a minute. */
const HEADER_LIMIT_MS = 10_000;
const SILENCE_LIMIT_MS = 120_000;
/** Headers that are about one connection, not about the request. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
  'expect',
]);

/**
 * The way from one container to the API, and to nothing else: a socket beside the container's own, on which requests for
 * OpenWhisk's API are taken and passed on. Whoever calls has to show a key there like anybody.
 */
export class ApiRelay {
  readonly #server: Server;
  readonly #target: URL;

  private constructor(apiHost: string) {
    this.#target = new URL(apiHost.includes('://') ? apiHost : `https://${apiHost}`);
    this.#server = http.createServer((request, response) => this.#pass(request, response));
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.headersTimeout = HEADER_LIMIT_MS;
    this.#server.requestTimeout = SILENCE_LIMIT_MS;
    this.#server.timeout = SILENCE_LIMIT_MS;
    this.#server.on('error', () => undefined);
    this.#server.on('clientError', (_, socket) => socket.destroy());
  }

  /**
   * Listens at this path, in a directory that one container sees.
   * @param apiHost The API's address as the plugin names it to actions. Rejects when it is none, or the socket cannot be made.
   */
  static async listen(path: string, apiHost: string): Promise<ApiRelay> {
    const relay = new ApiRelay(apiHost);
    await new Promise<void>((resolve, reject) => {
      relay.#server.once('error', reject);
      relay.#server.listen(path, resolve);
    });
    // Whatever user the container runs as: nobody else can come to it.
    chmodSync(path, 0o666);
    return relay;
  }

  /** Ends its connections too. */
  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #pass(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? '';
    if (!isApiPath(path)) {
      answer(response, 404, 'Only the API can be called from here.');
      request.resume();
      return;
    }
    const { protocol, hostname, port } = this.#target;
    const upstream = (protocol === 'https:' ? https : http).request({
      hostname: hostname.replace(/^\[|\]$/g, ''),
      port,
      path,
      method: request.method,
      headers: endToEnd(request.headers),
      timeout: SILENCE_LIMIT_MS,
    });
    upstream.on('timeout', () => upstream.destroy());
    upstream.on('response', (reply) => {
      response.writeHead(reply.statusCode ?? 502, endToEnd(reply.headers));
      reply.pipe(response);
      reply.on('error', () => response.destroy());
    });
    upstream.on('error', () => {
      if (response.headersSent) response.destroy();
      else answer(response, 502, 'The API cannot be reached.');
    });
    request.on('error', () => upstream.destroy());
    response.on('close', () => upstream.destroy());
    request.pipe(upstream);
  }
}

/** As the server will read it: no path that leads out of the API. */
function isApiPath(path: string): boolean {
  try {
    return path.startsWith(API_PATH) && new URL(path, 'http://api').pathname.startsWith(API_PATH);
  } catch {
    return false;
  }
}

function endToEnd(headers: http.IncomingHttpHeaders): http.OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name)));
}

function answer(response: ServerResponse, status: number, error: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ error }));
}
