import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { NewId } from '@dataflower/common';
import {
  createServerInTurn,
  ApiError,
  overloaded,
  sendError,
  HostCheck,
  takeTarget,
  takeTransactionId,
} from '@dataflower/common/http';
import { type HealthRoute, isHealthPath } from '@dataflower/common/operations';
import type { App } from '../routes/app.js';
import type { ServerSettings } from '../settings.js';
import type { InvokeRoute } from '../invoke/invoke-route.js';
import type { RequestCounts } from './request-counts.js';

export interface ServerDependencies {
  readonly config: ServerSettings;
  readonly newId: NewId;
  readonly invoke: InvokeRoute;
  readonly app: App;
  readonly health: HealthRoute;
  readonly admin: (request: IncomingMessage, response: ServerResponse, transactionId: string) => void;
  readonly counts: RequestCounts;
}

const NAMESPACES = '/api/v1/namespaces/';
export const ADMIN = '/dataflower/';
const BACKLOG = 2048;
const LONGEST_CHECK_MS = 5000;

/** The HTTP server: checks the host, assigns the transaction id, and dispatches, invocations first. */
export class HttpServer {
  readonly #server: Server;
  readonly #hostCheck: HostCheck;
  #draining = false;

  readonly #deps: ServerDependencies;

  constructor(deps: ServerDependencies) {
    this.#deps = deps;

    const { config } = deps;
    const { host, names } = config;
    this.#hostCheck = new HostCheck([...names, host.includes(':') ? `[${host}]` : host]);
    this.#server = createServerInTurn(
      {
        headersTimeout: Math.min(config.headersTimeoutMs, config.requestTimeoutMs),
        requestTimeout: config.requestTimeoutMs,
        keepAliveTimeout: config.keepAliveTimeoutMs,
        connectionsCheckingInterval: Math.min(LONGEST_CHECK_MS, config.headersTimeoutMs),
        noDelay: true,
      },
      (request, response) => this.#dispatch(request, response),
    );
    this.#server.maxConnections = config.maxConnections;
  }

  /** Rejects with the error of the operating system, such as `EADDRINUSE`. */
  async listen(): Promise<number> {
    const { host, port } = this.#deps.config;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, backlog: BACKLOG }, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    return (this.#server.address() as AddressInfo).port;
  }

  /** Accepts no new connections; open ones end after their present request. */
  drain(): void {
    this.#draining = true;
    this.#server.close();
  }

  /** After `drain`: resolves when all connections are closed, by force after `graceMs`. */
  async closed(graceMs: number): Promise<void> {
    if (!this.#server.listening && (await this.#connections()) === 0) return;
    await new Promise<void>((resolve) => {
      const force = setTimeout(() => this.#server.closeAllConnections(), graceMs);
      this.#server.once('close', () => {
        clearTimeout(force);
        resolve();
      });
      this.#server.closeIdleConnections();
    });
  }

  #connections(): Promise<number> {
    return new Promise((resolve) => this.#server.getConnections((_error, count) => resolve(count)));
  }

  #dispatch(request: IncomingMessage, response: ServerResponse): void {
    const deps = this.#deps;
    const since = performance.now();
    const transactionId = takeTransactionId(request, deps.newId);
    const host = takeTarget(request);
    if (!this.#hostCheck.allows(host)) {
      request.resume();
      const text = `The Host header '${host ?? ''}' is not allowed: call the server by localhost, or add the name to server.names of its configuration.`;
      sendError(response, new ApiError(403, text), transactionId);
      return;
    }
    const url = request.url ?? '/';
    // Answered while the server drains, too: the answer says that it does.
    if (isHealthPath(url)) {
      deps.health(request, response, transactionId);
      return;
    }
    if (this.#draining) {
      response.shouldKeepAlive = false;
      request.resume();
      sendError(response, overloaded(), transactionId);
      return;
    }
    if (
      request.method === 'POST' &&
      url.startsWith(NAMESPACES) &&
      this.#invoke(url, request, response, transactionId, since)
    )
      return;
    const admin = url.startsWith(ADMIN);
    response.once('finish', () => deps.counts.add(admin ? 'admin' : 'api', response.statusCode, since));
    if (admin) deps.admin(request, response, transactionId);
    else deps.app(request, response, transactionId);
  }

  /** Returns false when the path is not that of an action. */
  #invoke(
    url: string,
    request: IncomingMessage,
    response: ServerResponse,
    transactionId: string,
    since: number,
  ): boolean {
    const end = url.indexOf('?');
    const parts = (end < 0 ? url.slice(NAMESPACES.length) : url.slice(NAMESPACES.length, end)).split('/');
    if (parts[1] !== 'actions' || parts.length < 3 || parts.length > 4 || parts[parts.length - 1] === '') return false;
    response.once('finish', () => this.#deps.counts.add('invoke', response.statusCode, since));
    this.#deps.invoke.handle(
      request,
      response,
      transactionId,
      parts[0]!,
      parts.slice(2),
      end < 0 ? '' : url.slice(end + 1),
    );
    return true;
  }
}
