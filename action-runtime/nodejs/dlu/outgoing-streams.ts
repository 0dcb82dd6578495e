import {
  FLAG_END,
  FrameType,
  HEADER_BYTES,
  INITIAL_CREDIT_BYTES,
  MAX_CHUNK_BYTES,
  writeHeader,
} from '../../protocol/index.js';
import type { LargeValue } from '../bridge/messages.js';
import type { FrameWriter } from './frame-writer.js';

/** No further chunk is written while this much is unwritten, so that small frames do not queue behind many chunks. */
const MAX_UNWRITTEN_BYTES = MAX_CHUNK_BYTES;

interface Outgoing {
  readonly streamId: number;
  readonly segments: readonly Uint8Array[];
  segment: number;
  offset: number;
  left: number;
  credit: number;
}

/** Sends the container's streams round robin, within each stream's credit, and only while the socket accepts data. */
export class OutgoingStreams {
  #nextId = 1;
  readonly #streams = new Map<number, Outgoing>();
  #waitingForDrain = false;
  #onDone: (() => void) | undefined;

  readonly #writer: FrameWriter;

  constructor(writer: FrameWriter) {
    this.#writer = writer;
  }

  /** A new stream id. The container's streams have odd ids. */
  newId(): number {
    const id = this.#nextId;
    this.#nextId += 2;
    return id;
  }

  start(streamId: number, value: LargeValue): void {
    this.#streams.set(streamId, {
      streamId,
      segments: value.segments,
      segment: 0,
      offset: 0,
      left: value.size,
      credit: INITIAL_CREDIT_BYTES,
    });
    this.#pump();
  }

  credit(streamId: number, bytes: number): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    stream.credit += bytes;
    this.#pump();
  }

  reset(streamId: number): void {
    this.#streams.delete(streamId);
    this.#checkDone();
  }

  /** Calls back when every stream is sent. */
  done(callback: () => void): void {
    this.#onDone = callback;
    this.#checkDone();
  }

  #pump(): void {
    if (this.#waitingForDrain) return;
    for (let sent = true; sent;) {
      sent = false;
      for (const stream of this.#streams.values()) {
        if (stream.credit <= 0) continue;
        this.#sendChunk(stream);
        sent = true;
        if (this.#writer.unwritten >= MAX_UNWRITTEN_BYTES) {
          this.#waitingForDrain = true;
          this.#writer.drained(() => {
            this.#waitingForDrain = false;
            this.#pump();
          });
          return;
        }
      }
    }
    this.#checkDone();
  }

  #sendChunk(stream: Outgoing): void {
    const size = Math.min(MAX_CHUNK_BYTES, stream.credit, stream.left);
    const header = Buffer.allocUnsafe(HEADER_BYTES);
    stream.left -= size;
    stream.credit -= size;
    writeHeader(header, FrameType.DATA, stream.left === 0 ? FLAG_END : 0, stream.streamId, HEADER_BYTES + size);
    const parts: Uint8Array[] = [header];
    for (let missing = size; missing > 0;) {
      const segment = stream.segments[stream.segment]!;
      const part = segment.subarray(stream.offset, stream.offset + missing);
      if (part.length > 0) parts.push(part);
      missing -= part.length;
      stream.offset += part.length;
      if (stream.offset === segment.length) {
        stream.segment++;
        stream.offset = 0;
      }
    }
    this.#writer.write(...parts);
    if (stream.left === 0) this.#streams.delete(stream.streamId);
  }

  #checkDone(): void {
    if (this.#streams.size > 0 || this.#waitingForDrain) return;
    this.#onDone?.();
    this.#onDone = undefined;
  }
}
