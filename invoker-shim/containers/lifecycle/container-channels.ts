import type { Socket } from 'node:net';
import { ProtocolError } from '@dataflower/action-runtime/protocol';
import { Connection, type ConnectionHandler, type WriteBatcher } from '../wire/connection.js';
import { Endpoint } from '../wire/endpoint.js';
import { RunChannel } from '../wire/run-channel.js';
import type { SocketDirectory } from '../wire/socket-directory.js';
import type { ContainerState } from './container-state.js';

export interface ChannelEvents extends ConnectionHandler {
  /** The run channel that READY announced is open. */
  onRunChannelOpen(): void;
  /** The run channel has ended. @param isAwaited READY announced it and it never opened. */
  onRunChannelEnd(error: Error | undefined, isAwaited: boolean): void;
}

interface ChannelParts {
  readonly sockets: SocketDirectory;
  readonly batcher: WriteBatcher;
  /** The secret by which the run channel is known. */
  readonly runKey: string;
  readonly state: () => ContainerState;
  readonly events: ChannelEvents;
}

/** The connections of one container: its first one, and its run channel. It takes each once, and destroys any other. */
export class ContainerChannels {
  /** Rejects when the socket cannot be made. */
  readonly listening: Promise<Endpoint>;
  #endpoint: Endpoint | undefined;
  #connection: Connection | undefined;
  #runChannel: RunChannel | undefined;
  /** READY has announced a run channel that has not opened yet. */
  #awaitsRunChannel = false;

  readonly #parts: ChannelParts;

  constructor(parts: ChannelParts) {
    this.#parts = parts;

    this.listening = this.#listen();
  }

  /** Undefined until the container has connected. */
  get connection(): Connection | undefined {
    return this.#connection;
  }

  get runChannel(): Connection | undefined {
    return this.#runChannel?.connection;
  }

  /**
   * The container is READY and has opened a run channel.
   *
   * @returns True when the channel is here, too; false: `onRunChannelOpen` follows.
   */
  hasRunChannel(): boolean {
    const state = this.#runChannel?.state;
    if (state === 'OPEN') return true;
    if (this.#awaitsRunChannel || state === 'ENDED')
      throw new ProtocolError('UNEXPECTED_FRAME', 'READY with a run channel that is not there');
    // The container wrote to the channel before it sent READY, so it is under way.
    this.#awaitsRunChannel = true;
    return false;
  }

  stopListening(): void {
    this.#endpoint?.stopListening();
  }

  /** Closes the connections; the socket stays until `removeSocket`. */
  close(): void {
    this.#connection?.close();
    this.#runChannel?.connection.close();
  }

  removeSocket(): void {
    this.#endpoint?.close();
  }

  async #listen(): Promise<Endpoint> {
    this.#endpoint = await Endpoint.listen(this.#parts.sockets, (socket) => this.#onConnection(socket));
    return this.#endpoint;
  }

  #onConnection(socket: Socket): void {
    const { batcher, events, runKey, state } = this.#parts;
    if (state() === 'STARTING' && this.#connection === undefined) {
      this.#connection = new Connection(socket, batcher, events);
    } else if (state() === 'INITIALIZING' && this.#runChannel === undefined) {
      const onOpen = (): void => {
        if (this.#awaitsRunChannel) events.onRunChannelOpen();
      };
      const onEnd = (error: Error | undefined): void => events.onRunChannelEnd(error, this.#awaitsRunChannel);
      this.#runChannel = new RunChannel(socket, batcher, runKey, onOpen, onEnd);
      this.stopListening();
    } else {
      socket.destroy();
    }
  }
}
