import { FLAG_END, FrameType, MAX_CHUNK_BYTES, ProtocolError, encodeAmount } from '../../protocol/index.js';
import type { FrameWriter } from './frame-writer.js';

interface Incoming {
  readonly bytes: Buffer;
  filled: number;
  /** Taken in since the last CREDIT. */
  uncredited: number;
  readonly done: (bytes: ArrayBuffer) => void;
  readonly failed: (error: Error) => void;
}

/** Assembles the agent's streams, each into one buffer of its announced size. */
export class IncomingStreams {
  readonly #streams = new Map<number, Incoming>();

  readonly #writer: FrameWriter;

  constructor(writer: FrameWriter) {
    this.#writer = writer;
  }

  /** Announced in a slot; resolves when the stream has ended. */
  receive(streamId: number, size: number): Promise<ArrayBuffer> {
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
    // Chunks may still be on their way for a stream that was given up.
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
