import http, {
  type ClientRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from 'node:http';
import https from 'node:https';
import { endToEnd, framingOf } from './relay-headers.js';

/** The answer to a request that is not relayed. */
export interface RelayRefusal {
  readonly status: number;
  readonly error: string;
}

/** Chooses the headers of a relayed message from its end-to-end headers. */
export type HeaderRule = (headers: OutgoingHttpHeaders, message: IncomingMessage) => OutgoingHttpHeaders;

export interface HttpRelayOptions {
  /** Origin of the target; a path in it is ignored. */
  readonly target: URL;
  /** Name of the target in error texts, such as `API`. */
  readonly name: string;
  /** Time without a byte from or to the target after which a request is given up, in ms. */
  readonly idleMs: number;
  /** Checks a request before it is relayed; undefined: it is relayed. Default: every request is. */
  readonly refuse?: (request: IncomingMessage) => RelayRefusal | undefined;
  /** Default: all end-to-end headers. */
  readonly requestHeaders?: HeaderRule;
  /** Default: all end-to-end headers. */
  readonly responseHeaders?: HeaderRule;
}

const unchanged: HeaderRule = (headers) => headers;

/**
 * Relays HTTP requests to one target. Bodies are streamed in both directions with back-pressure, so that a message takes
 * bounded memory, and each side's end ends the other. Hop-by-hop headers are never relayed.
 *
 * Every request gets a connection of its own to the target, which is told not to read another one. So no request can hide
 * in the body of another, and no client can receive the answer to another's request.
 */
export class HttpRelay {
  readonly #agent: http.Agent;
  readonly #options: HttpRelayOptions;

  constructor(options: HttpRelayOptions) {
    this.#options = options;
    // It keeps the sessions of TLS, not the connections.
    this.#agent = options.target.protocol === 'https:' ? new https.Agent() : new http.Agent();
  }

  /** Relays a request, or answers it itself: as `refuse` says, 400 or 501 for what cannot be relayed, 502 without an answer. */
  handle(request: IncomingMessage, response: ServerResponse): void {
    let upstream: ClientRequest;
    try {
      const refusal = this.#options.refuse?.(request) ?? refusalOf(request);
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
    upstream.on('response', (reply) => this.#answer(request, response, reply));
    upstream.on('error', () => undefined);
    // `close` also follows an answer that switches protocols, for which there is no `error`.
    upstream.on('close', () => {
      if (!response.headersSent)
        refuse(response, { status: 502, error: `The ${this.#options.name} cannot be reached.` });
    });
    request.on('error', () => upstream.destroy());
    response.on('close', () => upstream.destroy());
    request.pipe(upstream);
  }

  /** Closes the connections to the target. */
  close(): void {
    this.#agent.destroy();
  }

  #open(request: IncomingMessage): ClientRequest {
    const { target, idleMs, requestHeaders = unchanged } = this.#options;
    const { protocol, hostname, port } = target;
    return (protocol === 'https:' ? https : http).request({
      agent: this.#agent,
      hostname: hostname.replace(/^\[|\]$/g, ''),
      port,
      path: request.url,
      method: request.method,
      // The target reads nothing after this request.
      headers: { ...requestHeaders(endToEnd(request.headers), request), ...framingOf(request), connection: 'close' },
      timeout: idleMs,
      insecureHTTPParser: false,
    });
  }

  #answer(request: IncomingMessage, response: ServerResponse, reply: IncomingMessage): void {
    const { name, responseHeaders = unchanged } = this.#options;
    try {
      const framing = framingOf(reply);
      if (framing === undefined) throw new Error('another transfer coding');
      const { 'content-length': length } = framing;
      response.writeHead(reply.statusCode ?? 502, {
        ...responseHeaders(endToEnd(reply.headers), reply),
        ...(length === undefined ? {} : { 'content-length': length }),
        // The rest of a request that has its answer is not read.
        ...(request.complete ? {} : { connection: 'close' }),
      });
    } catch {
      reply.on('error', () => undefined);
      refuse(response, { status: 502, error: `The answer of the ${name} cannot be passed on.` });
      return;
    }
    reply.on('error', () => response.destroy());
    reply.pipe(response);
  }
}

function refusalOf(request: IncomingMessage): RelayRefusal | undefined {
  if (framingOf(request) !== undefined) return undefined;
  return { status: 501, error: 'A body has a Content-Length or is chunked; other codings are not passed on.' };
}

/** The rest of the request is not read. */
function refuse(response: ServerResponse, { status, error }: RelayRefusal): void {
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
  response.end(JSON.stringify({ error }));
}
