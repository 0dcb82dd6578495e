import type { Socket } from 'node:net';
import {
  type FrameType,
  FrameType as Type,
  ProtocolError,
  decodeJsonObject,
} from '@dataflower/action-runtime/protocol';
import { Connection, type ConnectionHandler } from './connection.js';
import { MAX_HELLO_BYTES, checkSize } from '../lifecycle/handshake.js';
import { isSame } from './secrets.js';
import type { WriteBatcher } from './write-batcher.js';

/**
 * The second connection of a container, by which small runs reach its function without crossing a thread (PROTOCOL.md,
 * "Run channel"). All that the container ever says on it is HELLO.
 */
export class RunChannel implements ConnectionHandler {
  readonly connection: Connection;
  #state: 'OPENING' | 'OPEN' | 'ENDED' = 'OPENING';

  readonly #key: string;
  readonly #onOpen: () => void;
  readonly #onEnded: (error: Error | undefined) => void;

  /**
   * @param onOpen It has proved to be this container's.
   * @param onEnd It has ended, or spoke wrongly; never after `close` of its connection.
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
