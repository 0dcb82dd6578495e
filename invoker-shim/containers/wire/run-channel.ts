import type { Socket } from 'node:net';
import {
  type FrameType,
  FrameType as Type,
  ProtocolError,
  decodeJsonObject,
} from '@dataflower/action-runtime/protocol';
import { Connection, type ConnectionHandler, type WriteBatcher } from './connection.js';
import { MAX_HELLO_BYTES, checkSize, isSame } from './hello.js';

/**
 * The second connection of a container, by which small runs reach its function without crossing a thread (PROTOCOL.md,
 * "Run channel"). The container sends only HELLO on it.
 */
export class RunChannel implements ConnectionHandler {
  readonly connection: Connection;
  #state: 'OPENING' | 'OPEN' | 'ENDED' = 'OPENING';

  readonly #key: string;
  readonly #onOpen: () => void;
  readonly #onEnded: (error: Error | undefined) => void;

  /**
   * @param onOpen It is authenticated as this container's.
   * @param onEnded It has ended, or broke the protocol; never called after `close` of its connection.
   */
  constructor(
    socket: Socket,
    batcher: WriteBatcher,
    key: string,
    onOpen: () => void,
    onEnded: (error: Error | undefined) => void,
  ) {
    this.#key = key;
    this.#onOpen = onOpen;
    this.#onEnded = onEnded;

    this.connection = new Connection(socket, batcher, this);
  }

  onFrame(type: FrameType, _flags: number, _id: number, payload: Buffer): void {
    if (this.#state !== 'OPENING' || type !== Type.HELLO)
      throw new ProtocolError('UNEXPECTED_FRAME', `frame ${type} on a run channel`);
    checkSize('HELLO', payload, MAX_HELLO_BYTES);
    const { runChannel } = decodeJsonObject(payload);
    if (typeof runChannel !== 'string' || !isSame(runChannel, this.#key))
      throw new ProtocolError('UNEXPECTED_FRAME', 'a run channel with a wrong key');
    this.#state = 'OPEN';
    this.#onOpen();
  }

  get state(): 'OPENING' | 'OPEN' | 'ENDED' {
    return this.#state;
  }

  onReadEnd(): void {
    // Nothing is collected.
  }

  onEnd(error: Error | undefined): void {
    this.#state = 'ENDED';
    this.#onEnded(error);
  }
}
