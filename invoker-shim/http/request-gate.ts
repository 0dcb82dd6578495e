import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { BlankLines } from './blank-lines.js';
import type { Turns } from './turns.js';

type Written = (error?: Error | null) => void;

/** Which part of a message the bytes that come next belong to. */
type State =
  /** The next request has not been let in. */
  | 'BETWEEN'
  | 'HEAD'
  /** Of a body with a length, of which `#bodyLeft` bytes are to come. */
  | 'BODY'
  | 'CHUNKED_BODY'
  /** All of the request is there. */
  | 'ANSWER';

/**
 * Has an HTTP server take one request of a connection at a time. By itself it takes all those that came in one read,
 * thousands of them in one turn of the loop. Install it before the server listens.
 *
 * Each head waits for its turn; one more may be taken ahead while the body of the present request is held back. How a
 * request is to be read is for the server's parser alone: what is counted here only decides when it gets more.
 */
export function oneRequestAtATime(server: Server, turns: Turns): void {
  const listeners = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    const gate = new RequestGate(socket, turns);
    // Documented: a connection may be any duplex stream.
    for (const listener of listeners) listener.call(server, gate);
  });
  server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    if (request.socket instanceof RequestGate) request.socket.onRequest(request, response);
  });
}

/** One connection: hands on what came up to the end of a request, and more when that is answered. */
class RequestGate extends Duplex {
  #state: State = 'BETWEEN';
  #bodyLeft = 0;
  /** What came and was not handed on, from `#at` on. */
  #unread: Buffer | undefined;
  #at = 0;
  readonly #blankLines = new BlankLines();
  #hasEnded = false;
  /** The server would take more. */
  #isWanted = false;
  /** A blank line was handed on; what the server makes of it is known in the next turn of the loop. */
  #isHeld = false;
  #request: IncomingMessage | undefined;
  /** Requests without an answer: one, or two when the second was taken ahead. */
  #open = 0;
  readonly #go = (): void => {
    this.#state = 'HEAD';
    this.#pump();
  };

  constructor(
    private readonly socket: Socket,
    private readonly turns: Turns,
  ) {
    super({ readableHighWaterMark: 1, writableHighWaterMark: socket.writableHighWaterMark, decodeStrings: false });
    socket.on('data', (bytes: Buffer) => {
      this.#unread = bytes;
      this.#at = 0;
      socket.pause();
      this.#pump();
    });
    socket.on('end', () => {
      this.#hasEnded = true;
      this.#pump();
    });
    socket.on('timeout', () => this.emit('timeout'));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
  }

  /** The server begins with a request. */
  onRequest(request: IncomingMessage, response: ServerResponse): void {
    this.#request = request;
    this.#open++;
    const length = Number(request.headers['content-length'] ?? 0);
    this.#bodyLeft = length;
    if (request.headers['transfer-encoding'] !== undefined) this.#state = 'CHUNKED_BODY';
    else this.#state = length > 0 ? 'BODY' : 'ANSWER';
    response.once('close', () => this.#onAnswered());
  }

  setTimeout(ms: number, callback?: () => void): this {
    if (callback !== undefined) this.once('timeout', callback);
    this.socket.setTimeout(ms);
    return this;
  }

  /** Ends when what was written is sent. */
  destroySoon(): void {
    this.end(() => this.destroy());
  }

  override _read(): void {
    this.#isWanted = true;
    this.#pump();
  }

  override _write(chunk: Buffer | string, encoding: BufferEncoding, written: Written): void {
    this.socket.write(chunk, encoding, written);
  }

  override _writev(chunks: { chunk: Buffer | string; encoding: BufferEncoding }[], written: Written): void {
    this.socket.cork();
    const last = chunks.length - 1;
    chunks.forEach(({ chunk, encoding }, i) => this.socket.write(chunk, encoding, i === last ? written : undefined));
    this.socket.uncork();
  }

  override _final(done: Written): void {
    this.socket.end(() => done());
  }

  override _destroy(error: Error | null, done: Written): void {
    this.turns.leave(this.#go);
    this.#unread = undefined;
    this.socket.destroy();
    done(error);
  }

  #onAnswered(): void {
    this.#open--;
    if (this.#open > 0) return;
    // The rest of a request that is not wanted is no request.
    if (this.#request?.complete === true) this.#state = 'BETWEEN';
    this.#pump();
  }

  #pump(): void {
    if (this.destroyed || this.#isHeld || !this.#isWanted) return;
    const { socket } = this;
    if (this.#unread === undefined) {
      if (this.#hasEnded) this.#pass(null);
      return;
    }
    if (this.#state === 'BETWEEN') this.turns.enter(this.#go);
    if (this.#state === 'BETWEEN' || this.#state === 'ANSWER') return;
    const from = this.#at;
    const size = this.#nextSize(this.#unread, from);
    const piece = this.#unread.subarray(from, from + size);
    this.#at += size;
    if (this.#at === this.#unread.length) {
      this.#unread = undefined;
      socket.resume();
    }
    this.#pass(piece);
  }

  /** How much can be handed on. */
  #nextSize(bytes: Buffer, from: number): number {
    const there = bytes.length - from;
    if (this.#state === 'BODY') {
      const size = Math.min(there, this.#bodyLeft);
      this.#bodyLeft -= size;
      if (this.#bodyLeft === 0) this.#onWhole();
      return size;
    }
    const size = this.#blankLines.next(bytes, from);
    if (size === undefined) return there;
    this.#isHeld = true;
    setImmediate(() => this.#afterBlankLine());
    return size;
  }

  #afterBlankLine(): void {
    this.#isHeld = false;
    // No request came of it.
    if (this.#state === 'HEAD') this.#state = 'BETWEEN';
    else if (this.#state === 'CHUNKED_BODY' && this.#request?.complete === true) this.#onWhole();
    this.#pump();
  }

  /** All of a request was handed on; it may have been answered before. */
  #onWhole(): void {
    this.#state = this.#open > 0 ? 'ANSWER' : 'BETWEEN';
  }

  #pass(piece: Buffer | null): void {
    this.#isWanted = false;
    this.push(piece);
  }
}
