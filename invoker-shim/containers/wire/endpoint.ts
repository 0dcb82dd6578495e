import { type Server, type Socket, createServer } from 'node:net';
import path from 'node:path';
import type { Clock } from '@dataflower/common';
import { ApiRelay } from '../api-relay/api-relay.js';
import type { SocketDirectory } from './socket-directory.js';

/** The socket that one container connects to, in its own directory. */
export class Endpoint {
  readonly path: string;
  #server: Server | undefined;
  #apiRelay: ApiRelay | undefined;
  #closed = false;

  readonly #directory: SocketDirectory;

  private constructor(directory: SocketDirectory) {
    this.#directory = directory;

    this.path = directory.create();
  }

  /** Listens; calls back with each connection. Rejects when the socket cannot be made. */
  static async listen(directory: SocketDirectory, onConnection: (socket: Socket) => void): Promise<Endpoint> {
    const endpoint = new Endpoint(directory);
    const server = createServer({ noDelay: true }, (socket) => {
      if (endpoint.#server === undefined) socket.destroy();
      else onConnection(socket);
    });
    endpoint.#server = server;
    // A connection that cannot be accepted shows as a missing HELLO.
    server.on('error', () => undefined);
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(endpoint.path, resolve);
      });
    } catch (error) {
      endpoint.close();
      throw error;
    }
    return endpoint;
  }

  /** Relays the API to the container, on a socket beside its own. Rejects for an invalid address, or when the socket cannot be made. */
  async relayApi(apiHost: string, clock: Clock): Promise<void> {
    const relay = await ApiRelay.listen(path.join(path.dirname(this.path), 'api'), apiHost, clock);
    if (this.#closed) relay.close();
    else this.#apiRelay = relay;
  }

  /** Takes no further connection. */
  stopListening(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  /** Stops listening and removes the container's directory. */
  close(): void {
    this.#closed = true;
    this.stopListening();
    this.#apiRelay?.close();
    this.#directory.release(this.path);
  }
}
