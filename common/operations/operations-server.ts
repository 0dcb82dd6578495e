import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServerInTurn } from '../http/requests-in-turn.js';
import { ApiError, internalError, noSuchRoute } from '../http/refusals.js';
import { sendError, sendText } from '../http/reply.js';
import { type HealthRoute, isHealthPath } from './health-route.js';
import { HostCheck } from '../http/host-check.js';
import type { NewId } from '../ids.js';
import { takeTarget, takeTransactionId } from '../http/request-head.js';

export interface OperationsServerOptions {
  /** Address to listen on. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Names under which it may be called, beside the loopback names and `host` (DV-14). */
  readonly names: readonly string[];
  readonly health: HealthRoute;
  /** Prometheus text; called for each request. */
  readonly metrics: () => Promise<string>;
  readonly newId: NewId;
  readonly unexpected: (error: unknown, transactionId: string) => void;
}

const MAX_CONNECTIONS = 64;
const REQUEST_TIMEOUT_MS = 5000;

/** `/health` and `/metrics` of a process that serves no API: a host agent. */
export class OperationsServer {
  readonly #server: Server;
  readonly #hostCheck: HostCheck;

  readonly #options: OperationsServerOptions;

  constructor(options: OperationsServerOptions) {
    this.#options = options;

    const { host, names } = options;
    this.#hostCheck = new HostCheck([...names, host.includes(':') ? `[${host}]` : host]);
    this.#server = createServerInTurn(
      { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS, noDelay: true },
      (request, response) => this.#dispatch(request, response),
    );
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** Resolves to the port. Rejects with the error of the operating system, such as `EADDRINUSE`. */
  async listen(): Promise<number> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  #dispatch(request: IncomingMessage, response: ServerResponse): void {
    const { health, metrics, newId, unexpected } = this.#options;
    const transactionId = takeTransactionId(request, newId);
    const refuse = (error: ApiError): void => {
      request.resume();
      sendError(response, error, transactionId);
    };
    const host = takeTarget(request);
    const url = request.url ?? '/';
    if (!this.#hostCheck.allows(host)) {
      refuse(new ApiError(403, 'The Host header is not allowed: call the process by the address it listens on.'));
    } else if (isHealthPath(url)) {
      health(request, response, transactionId);
    } else if (url === '/metrics' && (request.method === 'GET' || request.method === 'HEAD')) {
      request.resume();
      metrics().then(
        (text) => sendText(response, 200, transactionId, text),
        (error: unknown) => {
          unexpected(error, transactionId);
          refuse(internalError(error));
        },
      );
    } else {
      refuse(noSuchRoute());
    }
  }
}
