import { chmodSync } from 'node:fs';
import type { IncomingMessage, Server } from 'node:http';
import type { Clock } from '@dataflower/common';
import { HttpRelay, type RelayRefusal, Turns, createServerInTurn } from '@dataflower/common/http';
import { isApiPath } from './api-path.js';

/** Concurrent connections of one container; further ones are closed. */
const MAX_CONNECTIONS = 16;
/** Requests of one container: in one turn of the event loop, which all containers share, and in 100 ms. */
const REQUESTS = { perTurn: 1, per100Ms: 50 };
/** Time limit for the header of a request, in ms. */
const HEADER_LIMIT_MS = 10_000;
/** Time limit without a byte from either side, in ms: a blocking invocation may take a minute. */
const IDLE_LIMIT_MS = 120_000;
/** The methods of OpenWhisk's API and of web actions. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/**
 * One container's access to OpenWhisk's API, and to nothing else: a socket beside the container's own, on which requests for
 * the API are relayed. Callers authenticate to the API as from anywhere.
 */
export class ApiRelay {
  readonly #server: Server;
  readonly #relay: HttpRelay;
  readonly #turns: Turns;

  private constructor(apiHost: string, clock: Clock) {
    this.#relay = new HttpRelay({
      target: new URL(apiHost.includes('://') ? apiHost : `https://${apiHost}`),
      name: 'API',
      idleMs: IDLE_LIMIT_MS,
      refuse: refusalOf,
    });
    this.#turns = new Turns({ perTurn: REQUESTS.perTurn, perWindow: { entries: REQUESTS.per100Ms, clock } });
    this.#server = createServerInTurn(
      { insecureHTTPParser: false },
      (request, response) => this.#relay.handle(request, response),
      this.#turns,
    );
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.headersTimeout = HEADER_LIMIT_MS;
    this.#server.requestTimeout = IDLE_LIMIT_MS;
    this.#server.timeout = IDLE_LIMIT_MS;
    this.#server.on('error', () => undefined);
    this.#server.on('clientError', (_, socket) => socket.destroy());
  }

  /**
   * Listens at this path, in a directory that one container sees. Rejects when the address is malformed, or the socket cannot
   * be created.
   * @param apiHost The API's address as the plugin gives it to actions.
   */
  static async listen(path: string, apiHost: string, clock: Clock): Promise<ApiRelay> {
    const relay = new ApiRelay(apiHost, clock);
    await new Promise<void>((resolve, reject) => {
      relay.#server.once('error', reject);
      // libuv accepts the whole backlog in one turn of the event loop.
      relay.#server.listen({ path, backlog: MAX_CONNECTIONS }, resolve);
    });
    // For every user id of the container; others cannot enter the directory.
    chmodSync(path, 0o666);
    return relay;
  }

  /** Stops listening, and closes all connections. */
  close(): void {
    this.#turns.close();
    this.#server.close();
    this.#server.closeAllConnections();
    this.#relay.close();
  }
}

function refusalOf(request: IncomingMessage): RelayRefusal | undefined {
  if (!isApiPath(request.url ?? '')) return { status: 404, error: 'Only the API can be called from here.' };
  if (request.httpVersionMajor !== 1) return { status: 505, error: 'The API speaks HTTP/1.1.' };
  if (!METHODS.has(request.method ?? '')) return { status: 405, error: 'The API has no such method.' };
  return undefined;
}
