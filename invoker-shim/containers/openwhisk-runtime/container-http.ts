import { Agent, type ClientRequest, type IncomingMessage, type RequestOptions, request } from 'node:http';
import { type Socket, connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { ValueKind } from '@dataflower/action-runtime/protocol';
import { MAX_QUOTED_BYTES } from './bodies.js';

/** A connection that is not used for so long, in ms, is closed: a server may close it at the moment of the next run. */
const KEEP_MS = 1000;

/** Interim answers (1xx) to one request. Each costs the loop that all containers share, and a server could say them without end. */
const MAX_INTERIM = 2000;

/** A server that is about to end says so, and takes nothing more. */
const GOES_AWAY = 503;

export interface HttpAddress {
  readonly host: string;
  readonly port: number;
}

/** What a container answered. */
export interface HttpAnswer {
  readonly status: number;
  /** Of the body, in bytes, as the container says. */
  readonly length: number;
  /** `ValueKind.JSON` and the body; only its beginning when it is longer than it may be. */
  readonly kindAndBody: Buffer;
  readonly isWhole: boolean;
}

/** The container broke the connection off, or said something that is no answer of OpenWhisk's: one without a length. */
export class NoAnswerError extends Error {
  constructor(detail: string, options?: ErrorOptions) {
    super(detail, options);
    this.name = 'NoAnswerError';
  }
}

/** It was not begun: the container's server is not there any more, or says that it goes (503). Another container may do it. */
export class NotBegunError extends Error {
  constructor(detail: string, options?: ErrorOptions) {
    super(detail, options);
    this.name = 'NotBegunError';
  }
}

/**
 * HTTP to one container, one request at a time. Its connection is kept for the next run when the container's server says
 * so; a server that does not gets a new one for each, as from OpenWhisk's invoker.
 */
export class ContainerHttp {
  readonly #agent: FirstSocketAgent;
  #current: ClientRequest | undefined;

  readonly #address: HttpAddress;

  constructor(address: HttpAddress) {
    this.#address = address;

    this.#agent = new FirstSocketAgent({ keepAlive: true, maxSockets: 1, maxFreeSockets: 1, timeout: KEEP_MS });
  }

  /** Tries to connect once; true when the container's server has taken the connection, which the next request uses. */
  connect(): Promise<boolean> {
    const socket = connect({ ...this.#address, noDelay: true });
    this.#agent.first?.destroy();
    this.#agent.first = socket;
    return new Promise((resolve) => {
      socket.once('connect', () => resolve(true));
      // Later errors show in the request that uses it, or the next one makes a new connection.
      socket.on('error', () => resolve(false));
      socket.once('close', () => resolve(false));
    });
  }

  /**
   * @param maxBytes Of a longer answer only the beginning is taken.
   * Rejects with `NoAnswerError` or `NotBegunError`. There is no time limit here: `close` ends it.
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
        if (++interim > MAX_INTERIM) sent.destroy(new Error('interim answers without end'));
      });
      sent.on('response', (response) => {
        answered = true;
        this.#read(response, maxBytes).then(resolve, reject);
      });
      // An answer may come before all of the request is sent, and the connection break then.
      sent.on('error', (cause) => {
        if (answered) return;
        const refused = (cause as NodeJS.ErrnoException).code === 'ECONNREFUSED';
        reject(refused ? new NotBegunError(cause.message, { cause }) : new NoAnswerError(cause.message, { cause }));
      });
      sent.on('close', () => {
        if (!answered) reject(new NoAnswerError('the connection was closed'));
      });
      sent.end(body);
    });
  }

  /** Ends the connections; a request that is under way gets no answer. */
  close(): void {
    this.#agent.first?.destroy();
    this.#current?.destroy();
    this.#agent.destroy();
  }

  async #read(response: IncomingMessage, maxBytes: number): Promise<HttpAnswer> {
    if (response.statusCode === GOES_AWAY) throw new NotBegunError('it answers 503: it goes away');
    const declared = response.headers['content-length'];
    if (declared === undefined) {
      this.#agent.destroy();
      throw new NoAnswerError('an answer without Content-Length');
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
      throw new NoAnswerError((cause as Error).message, { cause });
    }
    if (fill < kindAndBody.length) throw new NoAnswerError('an answer shorter than its Content-Length');
    if (!isWhole || !keepsAlive(response)) this.#agent.destroy();
    return { status: response.statusCode ?? 0, length, kindAndBody, isWhole };
  }
}

function keepsAlive({ headers }: IncomingMessage): boolean {
  return /\bkeep-alive\b/i.test(headers.connection ?? '');
}

/** An agent whose first request goes on a connection that was there before. */
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
