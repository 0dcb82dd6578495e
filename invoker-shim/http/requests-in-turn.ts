import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** What is no longer is parsed at once: a request without a body or with a small one, or a few of them. */
const SMALL_BYTES = 1024;
/** Each chunk of a chunked body costs the parser a call, be it of one byte: so many bytes are parsed without looking at the clock. */
const CHUNKED_BYTES = 1024;
/** How long one connection is parsed in one turn of the loop. */
const TURN_MS = 0.1;
/** Requests of one turn of the loop, over all connections that send without waiting for answers. */
const REQUESTS_A_TURN = 4;
/** Ends the head of a request, and a chunked body. */
const BLANK_LINE = '\r\n\r\n';

/**
 * Has an HTTP server work on one request of a connection at a time, in fair order with the other connections. By itself it
 * takes all requests that came in one read, thousands of them in one turn of the loop. Here the bytes behind a request stay
 * bytes until it is answered, and the next one waits for its turn. Call it before the server listens, and give the server no
 * other listener for requests.
 *
 * A connection whose client waits for each answer, as nearly all do, pays one comparison.
 */
export function handleInTurn(server: Server, handle: RequestListener): void {
  const turns = new Turns();
  const connections = new WeakMap<Socket, Connection>();
  // Behind the server's own listener, which has attached its parser by then.
  server.on('connection', (socket: Socket) => connections.set(socket, new Connection(socket, turns)));
  server.on('request', (request, response) => {
    if (request.headers['transfer-encoding'] !== undefined) connections.get(request.socket)?.readsChunks(request);
    // The server gives a response its socket when those before it are sent.
    if (response.socket !== null) handle(request, response);
    else connections.get(request.socket)?.handleLater(response, () => handle(request, response));
  });
}

/** Calls a few a turn of the loop, in the order in which they came. */
class Turns {
  #waiting: (() => void)[] = [];

  enter(go: () => void): void {
    this.#waiting.push(go);
    if (this.#waiting.length === 1) this.#next();
  }

  #next(): void {
    setImmediate(() => {
      const now = this.#waiting.splice(0, REQUESTS_A_TURN);
      if (this.#waiting.length > 0) this.#next();
      for (const go of now) go();
    });
  }
}

/** Stands between a socket and the server's parser. */
class Connection {
  readonly #parse: (bytes: Buffer) => void;
  /** Came and is not parsed; the socket is paused. */
  #held: Buffer | undefined;
  /** Requests that are parsed and not handled. */
  #waiting = 0;
  #chunked: IncomingMessage | undefined;
  /** Parsing goes on in the next turn of the loop. */
  #rests = false;

  constructor(
    private readonly socket: Socket,
    private readonly turns: Turns,
  ) {
    this.#parse = socket.listeners('data')[0] as (bytes: Buffer) => void;
    socket.off('data', this.#parse);
    socket.on('data', (bytes: Buffer) => {
      if (bytes.length <= SMALL_BYTES && this.#held === undefined && this.#waiting === 0) this.#parse(bytes);
      else this.#take(bytes);
    });
    // Whatever resumes the socket, such as the reader of a body.
    socket.on('resume', () => {
      if (this.#held !== undefined) socket.pause();
    });
    socket.on('drain', () => this.#goOn());
  }

  readsChunks(request: IncomingMessage): void {
    this.#chunked = request;
  }

  handleLater(response: ServerResponse, handle: () => void): void {
    this.#waiting++;
    const go = (): void => {
      this.#waiting--;
      if (this.socket.destroyed) return;
      handle();
      this.#goOn();
    };
    response.once('socket', () => this.turns.enter(go));
  }

  #take(bytes: Buffer): void {
    this.#held = this.#held === undefined ? bytes : Buffer.concat([this.#held, bytes]);
    this.#parseHeld();
    if (this.#held !== undefined) this.socket.pause();
  }

  #goOn(): void {
    if (this.#held === undefined) return;
    // Before the parser has its say: it pauses the socket when nobody reads the body.
    this.socket.resume();
    this.#parseHeld();
    if (this.#held !== undefined) this.socket.pause();
  }

  #parseHeld(): void {
    const { socket } = this;
    const endsAt = performance.now() + TURN_MS;
    while (this.#held !== undefined) {
      // The parser takes nothing while an answer waits to be sent.
      if (this.#waiting > 0 || this.#rests || socket.writableNeedDrain || socket.destroyed) return;
      const isChunked = this.#chunked?.complete === false;
      const bytes = this.#held;
      const size = sizeOfPiece(bytes, isChunked ? CHUNKED_BYTES : bytes.length);
      this.#held = size === bytes.length ? undefined : bytes.subarray(size);
      this.#parse(bytes.subarray(0, size));
      if (this.#held !== undefined && performance.now() > endsAt) this.#restATurn();
    }
  }

  #restATurn(): void {
    this.#rests = true;
    setImmediate(() => {
      this.#rests = false;
      this.#goOn();
    });
  }
}

function sizeOfPiece(bytes: Buffer, most: number): number {
  const end = bytes.indexOf(BLANK_LINE);
  return Math.min(end < 0 ? bytes.length : end + BLANK_LINE.length, most);
}
