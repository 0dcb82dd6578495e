import { Agent, type ClientRequest, type IncomingMessage, type RequestOptions, request } from 'node:http';
import { type Socket, connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { ValueKind } from '@dataflower/action-runtime/protocol';
import { CodedError } from '@dataflower/common';
import { MAX_QUOTED_BYTES } from './bodies.js';

/** Idle time after which a connection is closed, in ms: the server may close an older one at the moment of the next run. */
const KEEP_MS = 1000;

/** Most interim answers (1xx) to one request: a server could send them without end, and each takes time of the shared loop. */
const MAX_INTERIM = 2000;

/** Status of a server that is shutting down and takes no more requests. */
const SHUTTING_DOWN = 503;

export interface HttpAddress {
  readonly host: string;
  readonly port: number;
}

/** A container's answer. */
export interface HttpAnswer {
  readonly status: number;
  /** Content-Length of the body, in bytes. */
  readonly length: number;
  /** `ValueKind.JSON` and the body, or its beginning when the body exceeds the limit. */
  readonly kindAndBody: Buffer;
  readonly isWhole: boolean;
}

const CODES = [
  /** The container closed the connection, or sent an answer that OpenWhisk does not accept: one without a length. */
  'CONTAINER_NO_ANSWER',
  /** The container's server is gone or shutting down (503). The request was not begun: another container may take it. */
  'CONTAINER_NOT_BEGUN',
] as const;

/** A request to an OpenWhisk runtime has no answer. */
export class ContainerHttpError extends CodedError<(typeof CODES)[number]> {
  static readonly codes = CODES;

  constructor(code: (typeof CODES)[number], detail: string, options?: ErrorOptions) {
    super('ContainerHttpError', code, code === 'CONTAINER_NOT_BEGUN', detail, options);
  }
}

/**
 * HTTP client of one container, one request at a time. The connection is kept for the next run when the server asks for
 * keep-alive; else each request gets a new one, as in OpenWhisk's invoker.
 */
export class ContainerHttp {
  readonly #agent: FirstSocketAgent;
  #current: ClientRequest | undefined;

  readonly #address: HttpAddress;

  constructor(address: HttpAddress) {
    this.#address = address;

    this.#agent = new FirstSocketAgent({ keepAlive: true, maxSockets: 1, maxFreeSockets: 1, timeout: KEEP_MS });
  }

  /** Tries to connect once. Resolves to true when the server has accepted the connection, which the next request uses. */
  connect(): Promise<boolean> {
    const socket = connect({ ...this.#address, noDelay: true });
    this.#agent.first?.destroy();
    this.#agent.first = socket;
    return new Promise((resolve) => {
      socket.once('connect', () => resolve(true));
      // A later error fails the request that uses the socket; without one, the next request opens a new connection.
      socket.on('error', () => resolve(false));
      socket.once('close', () => resolve(false));
    });
  }

  /**
   * Sends a request. Rejects with `ContainerHttpError`. There is no time limit: `close` ends a pending request.
   * @param maxBytes Of a longer answer only the beginning is read.
   */
  post(path: string, body: Uint8Array, maxBytes: number): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const sent = request({
        ...this.#address,
        agent: this.#agent,
        method: 'POST',
        path,
        headers: { 'content-type': 'application/json', 'content-length': body.byteLength },
      });
      this.#current = sent;
      let answered = false;
      let interim = 0;
      sent.on('information', () => {
        if (++interim > MAX_INTERIM) sent.destroy(new Error('too many interim answers'));
      });
      sent.on('response', (response) => {
        answered = true;
        this.#read(response, maxBytes).then(resolve, reject);
      });
      // The connection may break after an answer that came before all of the request was sent.
      sent.on('error', (cause) => {
        if (answered) return;
        const refused = (cause as NodeJS.ErrnoException).code === 'ECONNREFUSED';
        const code = refused ? 'CONTAINER_NOT_BEGUN' : 'CONTAINER_NO_ANSWER';
        reject(new ContainerHttpError(code, cause.message, { cause }));
      });
      sent.on('close', () => {
        if (!answered) reject(new ContainerHttpError('CONTAINER_NO_ANSWER', 'the connection was closed'));
      });
      sent.end(body);
    });
  }

  /** Closes the connections; a pending request rejects. */
  close(): void {
    this.#agent.first?.destroy();
    this.#current?.destroy();
    this.#agent.destroy();
  }

  async #read(response: IncomingMessage, maxBytes: number): Promise<HttpAnswer> {
    if (response.statusCode === SHUTTING_DOWN)
      throw new ContainerHttpError('CONTAINER_NOT_BEGUN', 'it answers 503: it is shutting down');
    const declared = response.headers['content-length'];
    if (declared === undefined) {
      this.#agent.destroy();
      throw new ContainerHttpError('CONTAINER_NO_ANSWER', 'an answer without Content-Length');
    }
    const length = Number(declared);
    const isWhole = length <= maxBytes;
    const size = isWhole ? length : Math.min(maxBytes, MAX_QUOTED_BYTES);
    const kindAndBody = Buffer.allocUnsafeSlow(1 + size);
    kindAndBody[0] = ValueKind.JSON;
    let fill = 1;
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        const taken = Math.min(chunk.length, kindAndBody.length - fill);
        kindAndBody.set(chunk.subarray(0, taken), fill);
        fill += taken;
        if (!isWhole && fill === kindAndBody.length) break;
      }
    } catch (cause) {
      throw new ContainerHttpError('CONTAINER_NO_ANSWER', (cause as Error).message, { cause });
    }
    if (fill < kindAndBody.length)
      throw new ContainerHttpError('CONTAINER_NO_ANSWER', 'an answer shorter than its Content-Length');
    if (!isWhole || !keepsAlive(response)) this.#agent.destroy();
    return { status: response.statusCode ?? 0, length, kindAndBody, isWhole };
  }
}

function keepsAlive({ headers }: IncomingMessage): boolean {
  return /\bkeep-alive\b/i.test(headers.connection ?? '');
}

/** An agent whose first request uses a connection that is already open. */
class FirstSocketAgent extends Agent {
  first: Socket | undefined;

  override createConnection(
    options: RequestOptions,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    const { first } = this;
    this.first = undefined;
    if (first?.readyState === 'open') return first;
    first?.destroy();
    return super.createConnection(options, callback);
  }
}
