import { type Server, type Socket, createServer } from 'node:net';
import path from 'node:path';
import type { SocketDirectory } from './socket-directory.js';

/** The socket that one container connects to, in a directory of its own. */
export class Endpoint {
  readonly path: string;
  /** Beside it, where the API can be brought to the container. */
  readonly apiPath: string;
  #server: Server | undefined;

  private constructor(private readonly directory: SocketDirectory) {
    this.path = directory.create();
    this.apiPath = path.join(path.dirname(this.path), 'api');
  }

  /** Listens; calls back with each connection. Rejects when the socket cannot be made. */
  static async listen(directory: SocketDirectory, onConnection: (socket: Socket) => void): Promise<Endpoint> {
    const endpoint = new Endpoint(directory);
    const server = createServer({ noDelay: true }, (socket) => {
      if (endpoint.#server === undefined) socket.destroy();
      else onConnection(socket);
    });
    endpoint.#server = server;
    // A connection that cannot be accepted is missed as a hello that does not come.
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

  /** Takes no further connection. */
  stopListening(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  /** Stops listening and removes the container's directory. */
  close(): void {
    this.stopListening();
    this.directory.release(this.path);
  }
}
