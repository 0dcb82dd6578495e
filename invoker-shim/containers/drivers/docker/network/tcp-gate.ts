import { type Server, type Socket, connect, createServer } from 'node:net';
import path from 'node:path';
import type { Clock } from '@dataflower/common';
import { newSecret } from '../../../wire/hello.js';

/** First line of a connection: the container's key, and the name of the socket when it is not the container's own. */
const FIRST_LINE = /^([0-9a-f]{32})(?:\/(api))?\n/;
const MAX_FIRST_LINE_BYTES = 64;
/** Time limit for the first line, in ms. */
const FIRST_LINE_MS = 5000;
/**
 * Most connections without a first line; beyond it the oldest is closed. A runtime sends its first line at once, so that a
 * container that opens silent connections locks out only itself.
 */
const MAX_WAITING = 256;

/** Listening address when the containers' network is not on this machine. */
const EVERYWHERE = '0.0.0.0';

/**
 * The TCP port of an agent whose containers cannot be given unix sockets. Each connection begins with a container's key and
 * is passed on to that container's sockets only; any other connection is closed.
 */
export class TcpGate {
  /** Directory of a container's sockets, by key. */
  readonly #directories = new Map<string, string>();
  /** Key of a container, by the path of its socket. */
  readonly #keys = new Map<string, string>();
  #port: Promise<number> | undefined;
  #gateway: string | undefined;
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  /** Connections without a first line, oldest first. */
  readonly #waiting = new Set<Socket>();

  readonly #clock: Clock;
  readonly #agentHost: string | undefined;

  /** @param agentHost Name of this machine for containers. Default: its address in their network. */
  constructor(clock: Clock, agentHost?: string) {
    this.#clock = clock;
    this.#agentHost = agentHost;

    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    this.#server.on('error', () => undefined);
  }

  /** Listens on a free port of this machine's address in the containers' network; returns the port. */
  listen(gateway: string): Promise<number> {
    this.#gateway = gateway;
    return (this.#port ??= this.#listen(gateway));
  }

  /** Admits the container of this socket; returns the address for its `__DF_SOCKET`. Rejects when it could not reach the agent. */
  async addressFor(socketPath: string): Promise<string> {
    const port = await (this.#port ??= this.#listen(EVERYWHERE));
    const host = this.#agentHost ?? this.#gateway;
    if (host === undefined)
      throw new Error(
        'containers of this engine have to be told how they reach this machine: set containers.agentHost',
      );
    const key = newSecret();
    this.#keys.set(socketPath, key);
    this.#directories.set(key, path.dirname(socketPath));
    return `tcp:${key}@${host}:${port}`;
  }

  /** The container of this socket is not let in any more. */
  dismiss(socketPath: string): void {
    const key = this.#keys.get(socketPath);
    this.#keys.delete(socketPath);
    if (key !== undefined) this.#directories.delete(key);
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#open) socket.destroy();
  }

  async #listen(host: string): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, host, resolve);
    });
    return (this.#server.address() as { port: number }).port;
  }

  #accept(socket: Socket): void {
    this.#keep(socket);
    this.#waiting.add(socket);
    if (this.#waiting.size > MAX_WAITING) {
      const [oldest] = this.#waiting;
      this.#waiting.delete(oldest!);
      oldest!.destroy();
    }
    const cancel = this.#clock.after(FIRST_LINE_MS, () => socket.destroy());
    let received = Buffer.alloc(0);
    const done = (): void => {
      cancel();
      this.#waiting.delete(socket);
      socket.off('data', onData);
      socket.off('close', done);
    };
    const onData = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk]);
      const line = FIRST_LINE.exec(received.toString('latin1', 0, MAX_FIRST_LINE_BYTES));
      if (line === null && received.length < MAX_FIRST_LINE_BYTES && !received.includes('\n')) return;
      done();
      const directory = line === null ? undefined : this.#directories.get(line[1]!);
      if (directory === undefined) socket.destroy();
      else this.#pass(socket, path.join(directory, line![2] ?? 's'), received.subarray(line![0].length));
    };
    socket.on('data', onData);
    socket.on('close', done);
  }

  #pass(socket: Socket, socketPath: string, first: Buffer): void {
    const inner = connect(socketPath);
    this.#keep(inner);
    if (first.length > 0) inner.write(first);
    socket.pipe(inner).pipe(socket);
    // Each side ends with the other, after the bytes in transit.
    inner.on('close', () => socket.destroySoon());
    socket.on('close', () => inner.destroySoon());
  }

  #keep(socket: Socket): void {
    this.#open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#open.delete(socket));
  }
}
