import { type Server, type Socket, connect, createServer } from 'node:net';
import path from 'node:path';
import type { Clock } from '@dataflower/common';
import { newSecret } from '../../wire/hello.js';

/** What a container says first: its key, and the socket that it wants when that is not its own. */
const FIRST_LINE = /^([0-9a-f]{32})(?:\/(api))?\n/;
const MAX_FIRST_LINE_BYTES = 64;
/** Time for it, in ms. */
const FIRST_LINE_MS = 5000;
/**
 * Connections that have not said it. With more, the one that has waited longest is closed: a runtime speaks as soon as it
 * is let in, so that a container that opens connections and says nothing keeps out nobody but itself.
 */
const MAX_WAITING = 256;

/**
 * The one TCP port of an agent whose containers cannot be given unix sockets. Each says first whose it is, by a key of its
 * own, and is passed on to that container's sockets and no others; what says nothing right is closed.
 */
export class TcpGate {
  /** The directory of its sockets, by key. */
  readonly #directories = new Map<string, string>();
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  /** Those that have said nothing yet, longest first. */
  readonly #waiting = new Set<Socket>();

  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;

    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    this.#server.on('error', () => undefined);
  }

  /** Listens on a free port of this address; returns the port. Rejects when it cannot. */
  async listen(host: string): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, host, resolve);
    });
    return (this.#server.address() as { port: number }).port;
  }

  /** Lets a container in; returns its key. */
  admit(socketPath: string): string {
    const key = newSecret();
    this.#directories.set(key, path.dirname(socketPath));
    return key;
  }

  dismiss(key: string): void {
    this.#directories.delete(key);
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#open) socket.destroy();
  }

  #accept(socket: Socket): void {
    this.#keep(socket);
    this.#waiting.add(socket);
    if (this.#waiting.size > MAX_WAITING) {
      const [longest] = this.#waiting;
      this.#waiting.delete(longest!);
      longest!.destroy();
    }
    const cancel = this.#clock.after(FIRST_LINE_MS, () => socket.destroy());
    let said = Buffer.alloc(0);
    const done = (): void => {
      cancel();
      this.#waiting.delete(socket);
      socket.off('data', onData);
      socket.off('close', done);
    };
    const onData = (chunk: Buffer): void => {
      said = Buffer.concat([said, chunk]);
      const line = FIRST_LINE.exec(said.toString('latin1', 0, MAX_FIRST_LINE_BYTES));
      if (line === null && said.length < MAX_FIRST_LINE_BYTES && !said.includes('\n')) return;
      done();
      const directory = line === null ? undefined : this.#directories.get(line[1]!);
      if (directory === undefined) socket.destroy();
      else this.#pass(socket, path.join(directory, line![2] ?? 's'), said.subarray(line![0].length));
    };
    socket.on('data', onData);
    socket.on('close', done);
  }

  #pass(socket: Socket, socketPath: string, first: Buffer): void {
    const inner = connect(socketPath);
    this.#keep(inner);
    if (first.length > 0) inner.write(first);
    socket.pipe(inner).pipe(socket);
    // Each ends with the other; what is under way is sent before.
    inner.on('close', () => socket.destroySoon());
    socket.on('close', () => inner.destroySoon());
  }

  #keep(socket: Socket): void {
    this.#open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#open.delete(socket));
  }
}
