import { chmodSync } from 'node:fs';
import http, { type ClientRequest, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { Clock } from '@dataflower/common';
import { createServerInTurn } from '@dataflower/common/http';
import { Turns } from '@dataflower/common/http';
import { endToEnd, framingOf } from './api-headers.js';
import { isApiPath } from './api-path.js';

/** Connections of one container at once; further ones are closed. */
const MAX_CONNECTIONS = 16;
/** Requests of one container: in a turn of the loop, which others share, and in 100 ms. */
const REQUESTS = { perTurn: 1, per100Ms: 50 };
/** Time for the header of a request, and without a byte from either side, in ms: a blocking invocation waits a minute. */
const HEADER_LIMIT_MS = 10_000;
const SILENCE_LIMIT_MS = 120_000;
/** The methods of OpenWhisk's API and of web actions. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

interface Refusal {
  readonly status: number;
  readonly error: string;
}

/**
 * The way from one container to the API, and to nothing else: a socket beside the container's own, on which requests for
 * OpenWhisk's API are taken and passed on. Whoever calls has to show a key there like anybody.
 *
 * No connection to the API carries more than one request. So no request can hide in another's body, and nothing that
 * one container says can become the answer of another.
 */
export class ApiRelay {
  readonly #server: Server;
  readonly #target: URL;
  readonly #agent: http.Agent;
  readonly #turns: Turns;

  private constructor(apiHost: string, clock: Clock) {
    this.#target = new URL(apiHost.includes('://') ? apiHost : `https://${apiHost}`);
    // Kept for the sessions of TLS; connections are not kept.
    this.#agent = this.#target.protocol === 'https:' ? new https.Agent() : new http.Agent();
    this.#turns = new Turns({ perTurn: REQUESTS.perTurn, perWindow: { entries: REQUESTS.per100Ms, clock } });
    this.#server = createServerInTurn(
      { insecureHTTPParser: false },
      (request, response) => this.#pass(request, response),
      this.#turns,
    );
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
  static async listen(path: string, apiHost: string, clock: Clock): Promise<ApiRelay> {
    const relay = new ApiRelay(apiHost, clock);
    await new Promise<void>((resolve, reject) => {
      relay.#server.once('error', reject);
      // All that wait to be accepted are, in one turn of the loop.
      relay.#server.listen({ path, backlog: MAX_CONNECTIONS }, resolve);
    });
    // Whatever user the container runs as: nobody else can come to it.
    chmodSync(path, 0o666);
    return relay;
  }

  /** Ends its connections too. */
  close(): void {
    this.#turns.close();
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #pass(request: IncomingMessage, response: ServerResponse): void {
    let upstream: ClientRequest;
    try {
      const refusal = refusalOf(request);
      if (refusal !== undefined) {
        refuse(response, refusal);
        return;
      }
      upstream = this.#open(request);
    } catch {
      refuse(response, { status: 400, error: 'The request cannot be passed on.' });
      return;
    }
    upstream.on('timeout', () => upstream.destroy());
    upstream.on('response', (reply) => answer(request, response, reply));
    upstream.on('error', () => undefined);
    // Also after an answer that switches protocols, which is no error.
    upstream.on('close', () => {
      if (!response.headersSent) refuse(response, { status: 502, error: 'The API cannot be reached.' });
    });
    request.on('error', () => upstream.destroy());
    response.on('close', () => upstream.destroy());
    request.pipe(upstream);
  }

  #open(request: IncomingMessage): ClientRequest {
    const { protocol, hostname, port } = this.#target;
    return (protocol === 'https:' ? https : http).request({
      agent: this.#agent,
      hostname: hostname.replace(/^\[|\]$/g, ''),
      port,
      path: request.url,
      method: request.method,
      // The server reads nothing behind this request.
      headers: { ...endToEnd(request.headers), ...framingOf(request), connection: 'close' },
      timeout: SILENCE_LIMIT_MS,
      insecureHTTPParser: false,
    });
  }
}

/** Why a request is not passed on; undefined: it is. */
function refusalOf(request: IncomingMessage): Refusal | undefined {
  if (!isApiPath(request.url ?? '')) return { status: 404, error: 'Only the API can be called from here.' };
  if (request.httpVersionMajor !== 1) return { status: 505, error: 'The API speaks HTTP/1.1.' };
  if (!METHODS.has(request.method ?? '')) return { status: 405, error: 'The API has no such method.' };
  if (framingOf(request) === undefined)
    return { status: 501, error: 'A body has a Content-Length or is chunked; other codings are not passed on.' };
  return undefined;
}

/** The rest of the request is not read. */
function refuse(response: ServerResponse, { status, error }: Refusal): void {
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
  response.end(JSON.stringify({ error }));
}

function answer(request: IncomingMessage, response: ServerResponse, reply: IncomingMessage): void {
  try {
    const framing = framingOf(reply);
    if (framing === undefined) throw new Error('an answer in another coding');
    const { 'content-length': length } = framing;
    response.writeHead(reply.statusCode ?? 502, {
      ...endToEnd(reply.headers),
      ...(length === undefined ? {} : { 'content-length': length }),
      // The rest of a request that is answered already is not read.
      ...(request.complete ? {} : { connection: 'close' }),
    });
  } catch {
    reply.on('error', () => undefined);
    refuse(response, { status: 502, error: 'The answer of the API cannot be passed on.' });
    return;
  }
  reply.on('error', () => response.destroy());
  reply.pipe(response);
}
