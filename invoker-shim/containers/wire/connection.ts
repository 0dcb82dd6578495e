import type { Socket } from 'node:net';
import {
  FLAG_END,
  FrameDecoder,
  FrameType,
  HEADER_BYTES,
  ProtocolError,
  encodeText,
} from '@dataflower/action-runtime/protocol';
import { OutboundStreams, type StreamSource } from '../values/outbound-streams.js';

/** Unsent bytes of the connection below which it takes more DATA. */
const DATA_BUFFER_BYTES = 512 * 1024;
/** Unsent bytes above which the connection fails: the container does not read. */
const MAX_UNREAD_BYTES = 8 * 1024 * 1024;
/** Frames of one turn are copied into one write up to this many bytes in all; more are written one by one, corked. */
const COPY_BYTES = 16 * 1024;
/** Frames of one container that are handled in a row, before other connections have their turn. */
const FRAMES_A_TURN = 1024;

/** Collects frames until the end of a turn of the event loop. */
export interface Batched {
  flush(): void;
}

/** Writes, at the end of a turn of the event loop, the frames that the connections of one agent have collected in it. */
export class WriteBatcher {
  #waiting: Batched[] = [];

  add(connection: Batched): void {
    if (this.#waiting.length === 0) setImmediate(this.#flush);
    this.#waiting.push(connection);
  }

  readonly #flush = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const connection of waiting) connection.flush();
  };
}

export interface ConnectionHandler {
  /** `payload` is valid only until the call returns. An error that it throws fails the connection. */
  onFrame(type: FrameType, flags: number, id: number, payload: Buffer): void;
  /** All frames of one read were given. */
  onReadEnd(): void;
  /** The connection has ended, once; with an error unless the container closed it. Not called after `close`. */
  onEnd(error: Error | undefined): void;
}

/**
 * Frames to and from one container. Frames of one turn of the loop go out in one write; `sendNow` does not wait for
 * the turn's end. Order is the order of the calls.
 */
export class Connection {
  readonly streams: OutboundStreams;
  readonly #decoder: FrameDecoder;
  #batch: Buffer[] = [];
  #batchBytes = 0;
  #framesOfTurn = 0;
  #held = false;
  #closed = false;

  readonly #socket: Socket;
  readonly #batcher: WriteBatcher;
  readonly #handler: ConnectionHandler;

  constructor(
    socket: Socket,
    batcher: WriteBatcher,
    handler: ConnectionHandler,
    /** Of the streams that are opened here: 2 on the agent's side, 1 on a container's. */
    firstStreamId: 1 | 2 = 2,
  ) {
    this.#socket = socket;
    this.#batcher = batcher;
    this.#handler = handler;

    this.#decoder = new FrameDecoder((type, flags, id, payload) => {
      if (this.#closed) return;
      this.#framesOfTurn++;
      handler.onFrame(type, flags, id, payload);
    });
    const writer = {
      isWritable: () => !this.#closed && this.#socket.writableLength < DATA_BUFFER_BYTES,
      writeChunk: (id: number, chunk: Buffer, last: boolean) => this.#writeChunk(id, chunk, last),
      failed: (error: Error) => this.#fail(error),
    };
    this.streams = new OutboundStreams(writer, firstStreamId);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('drain', () => this.streams.pump());
    socket.on('error', (error) => this.#fail(error));
    socket.on('end', () => this.#fail(undefined));
    socket.on('close', () => this.#fail(undefined));
  }

  /** Sends with the other frames of this turn. */
  send(frame: Buffer): void {
    if (this.#closed) return;
    if (this.#batch.length === 0) this.#batcher.add(this);
    this.#batch.push(frame);
    this.#batchBytes += frame.length;
  }

  /** Sends at once, behind the frames that were sent before. */
  sendNow(frame: Buffer): void {
    if (this.#closed) return;
    if (this.#batch.length > 0) {
      this.send(frame);
      this.flush();
      return;
    }
    this.#socket.write(frame);
    this.#checkUnread();
  }

  /** Bytes that the container has not taken yet. */
  get unreadBytes(): number {
    return this.#socket.writableLength + this.#batchBytes;
  }

  /** Opens a stream to the container. Its first bytes leave with the next `pump`. */
  openStream(source: StreamSource): number {
    return this.streams.add(source);
  }

  /** Ends a stream to the container that is not complete. */
  dropStream(id: number, reason: string): void {
    if (this.streams.drop(id)) this.send(encodeText(FrameType.RESET, id, reason));
  }

  /** Reads no more from the next read on, until `goOn`. */
  hold(): void {
    this.#held = true;
    this.#socket.pause();
  }

  goOn(): void {
    this.#held = false;
    this.#socket.resume();
  }

  /** Writes the frames of this turn. */
  flush(): void {
    const batch = this.#batch;
    if (batch.length === 0 || this.#closed) return;
    if (batch.length === 1) {
      this.#socket.write(batch[0]!);
    } else if (this.#batchBytes <= COPY_BYTES) {
      const all = Buffer.allocUnsafe(this.#batchBytes);
      let at = 0;
      for (const frame of batch) {
        all.set(frame, at);
        at += frame.length;
      }
      this.#socket.write(all);
    } else {
      this.#socket.cork();
      for (const frame of batch) this.#socket.write(frame);
      this.#socket.uncork();
    }
    this.#batch = [];
    this.#batchBytes = 0;
    this.#checkUnread();
  }

  #checkUnread(): void {
    if (this.#socket.writableLength > MAX_UNREAD_BYTES)
      this.#fail(new Error('the container does not read what it is sent'));
  }

  /** Ends the connection after the frames that are on their way; nothing is received any more. */
  close(): void {
    if (this.#closed) return;
    this.flush();
    this.#closed = true;
    this.streams.close();
    this.#socket.destroySoon();
  }

  #read(chunk: Buffer): void {
    if (this.#closed) return;
    try {
      this.#decoder.push(chunk);
    } catch (error) {
      this.#fail(ProtocolError.is(error) ? error : new Error('frame could not be handled', { cause: error }));
      return;
    }
    this.#handler.onReadEnd();
    this.flush();
    if (this.#framesOfTurn >= FRAMES_A_TURN) this.#yield();
  }

  #yield(): void {
    this.#framesOfTurn = 0;
    this.#socket.pause();
    setImmediate(() => {
      if (!this.#held) this.#socket.resume();
    });
  }

  #writeChunk(id: number, chunk: Buffer, last: boolean): void {
    this.flush();
    const header = Buffer.allocUnsafe(HEADER_BYTES);
    header.writeUInt32BE(HEADER_BYTES + chunk.length, 0);
    header.writeUInt32BE((FrameType.DATA << 24) | ((last ? FLAG_END : 0) << 16), 4);
    header.writeUInt32BE(id, 8);
    this.#socket.cork();
    this.#socket.write(header);
    this.#socket.write(chunk);
    this.#socket.uncork();
  }

  #fail(error: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.streams.close();
    this.#socket.destroy();
    this.#handler.onEnd(error);
  }
}
