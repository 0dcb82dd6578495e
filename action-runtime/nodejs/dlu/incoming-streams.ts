import { FLAG_END, FrameType, MAX_CHUNK_BYTES, ProtocolError, type Slot, encodeAmount } from '../../protocol/index.js';
import { readHandOver } from '../bridge/hand-over-file.js';
import type { FrameWriter } from './frame-writer.js';

interface Incoming {
  readonly bytes: Buffer;
  filled: number;
  /** Bytes received since the last CREDIT. */
  uncredited: number;
  readonly done: (bytes: ArrayBuffer) => void;
  readonly failed: (error: Error) => void;
}

/** Receives the agent's values: reads slots, and assembles each stream into one buffer of its announced size. */
export class IncomingStreams {
  readonly #streams = new Map<number, Incoming>();

  readonly #writer: FrameWriter;

  constructor(writer: FrameWriter) {
    this.#writer = writer;
  }

  /** Reads a slot's value into memory of its own, wherever the value is. */
  async read(slot: Slot): Promise<ArrayBuffer> {
    switch (slot.where) {
      case 'inline': {
        const bytes = new ArrayBuffer(slot.bytes.length);
        new Uint8Array(bytes).set(slot.bytes);
        return bytes;
      }
      case 'stream':
        return this.#receive(slot.streamId, slot.size);
      case 'file':
        return readHandOver(slot.path, slot.size);
    }
  }

  /** Resolves when the stream has ended. */
  #receive(streamId: number, size: number): Promise<ArrayBuffer> {
    return new Promise((done, failed) => {
      this.#streams.set(streamId, {
        bytes: Buffer.from(new ArrayBuffer(size)),
        filled: 0,
        uncredited: 0,
        done,
        failed,
      });
    });
  }

  data(streamId: number, flags: number, chunk: Buffer): void {
    const stream = this.#streams.get(streamId);
    // Chunks of a stream that was reset may still arrive.
    if (stream === undefined) return;
    if (stream.filled + chunk.length > stream.bytes.length) {
      throw new ProtocolError('UNEXPECTED_FRAME', `stream ${streamId} is longer than announced`);
    }
    chunk.copy(stream.bytes, stream.filled);
    stream.filled += chunk.length;
    if ((flags & FLAG_END) !== 0) {
      if (stream.filled < stream.bytes.length)
        throw new ProtocolError('UNEXPECTED_FRAME', `stream ${streamId} is shorter than announced`);
      this.#streams.delete(streamId);
      stream.done(stream.bytes.buffer as ArrayBuffer);
      return;
    }
    stream.uncredited += chunk.length;
    if (stream.uncredited >= MAX_CHUNK_BYTES) {
      this.#writer.write(encodeAmount(FrameType.CREDIT, streamId, stream.uncredited));
      stream.uncredited = 0;
    }
  }

  reset(streamId: number, reason: string): boolean {
    const stream = this.#streams.get(streamId);
    this.#streams.delete(streamId);
    stream?.failed(new Error(reason));
    return stream !== undefined;
  }
}
