import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import { Turns } from './turns.js';

/** Largest read that is parsed at once, in bytes: a request without a body or with a small one, or a few of them. */
const SMALL_BYTES = 1024;
/** Bytes of a chunked body that are parsed without a look at the clock: each chunk, even of one byte, costs the parser a call. */
const CHUNKED_BYTES = 1024;
/** Time for which one connection is parsed in one turn of the event loop, in ms. */
const TURN_MS = 0.1;
/** Connections of those that had to stop that are parsed further in one turn of the event loop. */
const PARSED_A_TURN = 4;
/** Requests that are handled in one turn of the event loop, over all connections that send without waiting for answers. */
const REQUESTS_A_TURN = 4;
/** Ends the head of a request, and a chunked body. */
const BLANK_LINE = '\r\n\r\n';

/**
 * An HTTP server that handles one request of a connection at a time, in fair order with the other connections. Node's server
 * takes all requests that came in one read, thousands of them in one turn of the event loop. This server does not parse the
 * bytes after a request until that is answered, and the next request waits for its turn. The server must have no other
 * listener for requests.
 *
 * A connection whose client waits for each answer, as nearly all do, pays one comparison.
 *
 * @param budget The turns in which every request waits before it is handled. Default: only a request that was sent ahead waits.
 */
export function createServerInTurn(options: ServerOptions, handle: RequestListener, budget?: Turns): Server {
  // Node's server answers a request without a host while it parses, and such answers would not be counted.
  const server = createServer({ ...options, requireHostHeader: false });
  const parsing = new Turns({ perTurn: PARSED_A_TURN });
  const requests = budget ?? new Turns({ perTurn: REQUESTS_A_TURN });
  const connections = new WeakMap<Socket, Connection>();
  const inTurn =
    (listener: RequestListener): RequestListener =>
    (request, response) => {
      const answer = isWithoutHost(request) ? refuseWithoutHost : listener;
      if (request.headers['transfer-encoding'] !== undefined) connections.get(request.socket)?.readsChunks(request);
      // The server gives a response its socket when those before it are sent.
      if (response.socket !== null && budget === undefined) answer(request, response);
      else connections.get(request.socket)?.handleLater(response, requests, () => answer(request, response));
    };
  // After the server's own listener, which has attached its parser by then.
  server.on('connection', (socket: Socket) => connections.set(socket, new Connection(socket, parsing)));
  server.on('request', inTurn(handle));
  // Node's server would answer both while it parses, like a request without a host.
  server.on(
    'checkContinue',
    inTurn((request, response) => {
      response.writeContinue();
      handle(request, response);
    }),
  );
  server.on(
    'checkExpectation',
    inTurn((_, response) => response.writeHead(417).end()),
  );
  return server;
}

/** HTTP/1.1 demands a host (RFC 9112, 3.2). */
function isWithoutHost({ headers, httpVersion }: IncomingMessage): boolean {
  return headers.host === undefined && httpVersion === '1.1';
}

function refuseWithoutHost(_: IncomingMessage, response: ServerResponse): void {
  response.writeHead(400, { connection: 'close' }).end();
}

/** Stands between a socket and the server's parser. */
class Connection {
  readonly #parse: (bytes: Buffer) => void;
  /** Bytes that were read and are not parsed; the socket is paused. */
  #held: Buffer | undefined;
  /** Requests that are parsed and not handled. */
  #waiting = 0;
  #chunked: IncomingMessage | undefined;
  /** Parsing goes on in the next turn of the loop. */
  #rests = false;

  readonly #socket: Socket;
  readonly #parsing: Turns;

  constructor(socket: Socket, parsing: Turns) {
    this.#socket = socket;
    this.#parsing = parsing;

    this.#parse = socket.listeners('data')[0] as (bytes: Buffer) => void;
    socket.off('data', this.#parse);
    socket.on('data', (bytes: Buffer) => {
      const isFree = this.#held === undefined && this.#waiting === 0 && socket.writable;
      if (isFree && bytes.length <= SMALL_BYTES) this.#parse(bytes);
      else this.#take(bytes);
    });
    // The socket may be resumed by others, such as the reader of a body.
    socket.on('resume', () => {
      if (this.#held !== undefined) socket.pause();
    });
    socket.on('drain', () => this.#goOn());
  }

  readsChunks(request: IncomingMessage): void {
    this.#chunked = request;
  }

  handleLater(response: ServerResponse, requests: Turns, handle: () => void): void {
    this.#waiting++;
    const go = (): void => {
      this.#waiting--;
      if (!this.#socket.writable) return;
      handle();
      this.#goOn();
    };
    response.once('close', () => requests.leave(go));
    if (response.socket !== null) requests.enter(go);
    else response.once('socket', () => requests.enter(go));
  }

  #take(bytes: Buffer): void {
    this.#held = this.#held === undefined ? bytes : Buffer.concat([this.#held, bytes]);
    this.#parseHeld();
    if (this.#held !== undefined) this.#socket.pause();
  }

  #goOn(): void {
    if (this.#held === undefined) return;
    // Before the bytes are parsed: the parser pauses the socket when the body is not read.
    this.#socket.resume();
    this.#parseHeld();
    if (this.#held !== undefined) this.#socket.pause();
  }

  #parseHeld(): void {
    const socket = this.#socket;
    const endsAt = performance.now() + TURN_MS;
    while (this.#held !== undefined) {
      // The parser takes nothing while an answer waits to be sent. After the last answer nothing is a request.
      if (this.#waiting > 0 || this.#rests || socket.writableNeedDrain || !socket.writable) return;
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
    this.#parsing.enter(() => {
      this.#rests = false;
      this.#goOn();
    });
  }
}

function sizeOfPiece(bytes: Buffer, most: number): number {
  const end = bytes.indexOf(BLANK_LINE);
  return Math.min(end < 0 ? bytes.length : end + BLANK_LINE.length, most);
}
