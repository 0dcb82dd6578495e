import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { quantile } from '../platform/median.js';

const HEAD_END = Buffer.from('\r\n\r\n');

/** The bytes of a POST, made once and sent many times. */
export function postRequest(url: URL, path: string, headers: Readonly<Record<string, string>>, body: string): Buffer {
  const lines = [
    `POST ${path} HTTP/1.1`,
    `Host: ${url.host}`,
    'Connection: keep-alive',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`);
}

/** The facts in a reply's first bytes: its status and the sizes of head and body in bytes. */
export function parseHead(
  bytes: Buffer,
): { readonly status: number; readonly bodyAt: number; readonly end: number } | undefined {
  const headEnd = bytes.indexOf(HEAD_END);
  if (headEnd === -1) return undefined;
  const head = bytes.toString('latin1', 0, headEnd);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length === undefined) throw new Error(`The reply has no Content-Length:\n${head}`);
  const bodyAt = headEnd + HEAD_END.length;
  return { status: Number(head.slice(9, 12)), bodyAt, end: bodyAt + Number(length) };
}

/**
 * A keep-alive HTTP connection that does as little as a client can: one request at a time, made beforehand. The same
 * for platform and baseline, so that what is compared are the servers.
 */
export class HttpConnection {
  #received: Buffer | undefined;
  #done: ((status: number, body: Buffer) => void) | undefined;
  #failed: ((error: Error) => void) | undefined;

  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;

    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#onData(chunk));
    socket.on('error', (error) => this.#failed?.(error));
    socket.on('close', () => this.#failed?.(new Error('The server closed the connection.')));
  }

  static async open(url: URL): Promise<HttpConnection> {
    const socket = connect(Number(url.port), url.hostname);
    await once(socket, 'connect');
    return new HttpConnection(socket);
  }

  /** Sends a request; `done` gets the reply. `failed` is called when there is none. */
  send(request: Buffer, done: (status: number, body: Buffer) => void, failed: (error: Error) => void): void {
    this.#done = done;
    this.#failed = failed;
    this.#socket.write(request);
  }

  close(): void {
    this.#failed = undefined;
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    const bytes = this.#received === undefined ? chunk : Buffer.concat([this.#received, chunk]);
    const head = parseHead(bytes);
    if (head === undefined || bytes.length < head.end) {
      this.#received = bytes;
      return;
    }
    this.#received = undefined;
    this.#done!(head.status, bytes.subarray(head.bodyAt, head.end));
  }
}

/** One request, with its answer as text. Rejects unless the status is 200. */
export function call(connection: HttpConnection, request: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    connection.send(
      request,
      (status, body) => (status === 200 ? resolve(body.toString()) : reject(unexpected(status, body))),
      reject,
    );
  });
}

/** Response times of `n` requests, one at a time, in microseconds. */
export function responseTimes(connection: HttpConnection, request: Buffer, n: number): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const times: number[] = [];
    let sent = 0n;
    const send = (): void => {
      sent = process.hrtime.bigint();
      connection.send(request, onReply, reject);
    };
    const onReply = (status: number, body: Buffer): void => {
      times.push(Number(process.hrtime.bigint() - sent) / 1000);
      if (status !== 200) reject(unexpected(status, body));
      else if (times.length === n) resolve(times);
      else send();
    };
    send();
  });
}

export async function medianResponseMicros(connection: HttpConnection, request: Buffer, n: number): Promise<number> {
  return quantile(await responseTimes(connection, request, n), 0.5);
}

/** Requests answered a second when every connection sends its next one as soon as it has its answer, and how many were. */
export async function requestRate(
  connections: readonly HttpConnection[],
  request: Buffer,
  durationMs: number,
): Promise<{ readonly perSecond: number; readonly count: number }> {
  const started = performance.now();
  let count = 0;
  await Promise.all(
    connections.map(
      (connection) =>
        new Promise<void>((resolve, reject) => {
          const onReply = (status: number, body: Buffer): void => {
            if (status !== 200) {
              reject(unexpected(status, body));
              return;
            }
            count++;
            if (performance.now() - started < durationMs) connection.send(request, onReply, reject);
            else resolve();
          };
          connection.send(request, onReply, reject);
        }),
    ),
  );
  return { perSecond: (count / (performance.now() - started)) * 1000, count };
}

function unexpected(status: number, body: Buffer): Error {
  return new Error(`The server answered ${status}: ${body.toString('utf8', 0, 500)}`);
}
