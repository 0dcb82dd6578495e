import { MAX_CHUNK_BYTES } from '@dataflower/action-runtime/protocol';
import { Deque } from '@dataflower/common';
import type { ValueReader } from '../../sink/value.js';
import { CompositeReader, type EncodedComposite } from './composite-encoding.js';
import { INITIAL_CREDIT_BYTES } from './inbound-values.js';

/** The bytes of a stream: in memory, of a value, or of the members of a composite. */
export type StreamSource = Buffer | ValueReader | EncodedComposite;

/** Chunks that are fetched from storage at once. */
const MAX_READS = 4;
/** Readers that stay open between two of their chunks: a large input may have many, and the container decides how long they wait. */
const MAX_OPEN_READERS = 16;

interface OutboundStream {
  readonly id: number;
  readonly source: Buffer | CompositeReader | ValueReader;
  readonly size: number;
  sent: number;
  credit: number;
  reading: boolean;
  closed: boolean;
  /** True from its first fetched chunk until the reader is closed. */
  readerOpen: boolean;
}

export interface ChunkWriter {
  /** True while the connection takes more without growing. */
  isWritable(): boolean;
  writeChunk(streamId: number, chunk: Buffer, last: boolean): void;
  failed(error: Error): void;
}

/**
 * The streams that one side of a connection sends to the other: one chunk of each in turn, within its credit and only as fast
 * as the connection takes them, so that no value delays other values or control frames for long.
 */
export class OutboundStreams {
  readonly #streams = new Map<number, OutboundStream>();
  /** Streams with bytes to send and credit for them, in turn. */
  readonly #ready = new Deque<OutboundStream>();
  #reads = 0;
  #openReaders = 0;
  #nextId: number;

  readonly #writer: ChunkWriter;

  /** @param firstId 2 on the agent's side, whose ids are even; 1 on a container's. */
  constructor(writer: ChunkWriter, firstId: 1 | 2) {
    this.#writer = writer;

    this.#nextId = firstId;
  }

  /** Announces a stream; its bytes follow with `pump`. The source stays as it is until the stream ends or is dropped. */
  add(source: StreamSource): number {
    const id = this.#nextId;
    this.#nextId += 2;
    const stream: OutboundStream = {
      id,
      source: Buffer.isBuffer(source) || 'read' in source ? source : new CompositeReader(source),
      size: Buffer.isBuffer(source) ? source.length : source.size,
      sent: 0,
      credit: INITIAL_CREDIT_BYTES,
      reading: false,
      closed: false,
      readerOpen: false,
    };
    this.#streams.set(id, stream);
    this.#ready.pushBack(stream);
    return id;
  }

  onCredit(id: number, bytes: number): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    const stalled = stream.credit <= 0;
    stream.credit += bytes;
    if (stalled && stream.credit > 0 && !stream.reading) this.#ready.pushBack(stream);
    this.pump();
  }

  /** Ends a stream early; returns false when it had ended. */
  drop(id: number): boolean {
    const stream = this.#streams.get(id);
    if (stream === undefined) return false;
    this.#end(stream);
    return true;
  }

  /** Sends as much as the connection takes now. */
  pump(): void {
    while (this.#ready.length > 0 && this.#reads < MAX_READS && this.#writer.isWritable()) {
      const stream = this.#ready.popFront()!;
      if (stream.closed) continue;
      const length = Math.min(MAX_CHUNK_BYTES, stream.credit, stream.size - stream.sent);
      const { source } = stream;
      if (Buffer.isBuffer(source)) {
        this.#chunk(stream, source.subarray(stream.sent, stream.sent + length));
      } else if (source instanceof CompositeReader) {
        this.#chunk(stream, source.read(length));
      } else {
        const chunk = source.read(stream.sent, length);
        if (Buffer.isBuffer(chunk)) this.#chunk(stream, chunk);
        else void this.#fetch(stream, chunk);
      }
    }
  }

  close(): void {
    for (const stream of this.#streams.values()) this.#end(stream);
    this.#ready.drain();
  }

  #chunk(stream: OutboundStream, chunk: Buffer): void {
    stream.sent += chunk.length;
    stream.credit -= chunk.length;
    const last = stream.sent === stream.size;
    if (last) this.#end(stream);
    else if (stream.credit > 0) this.#ready.pushBack(stream);
    this.#writer.writeChunk(stream.id, chunk, last);
  }

  async #fetch(stream: OutboundStream, reading: Promise<Buffer>): Promise<void> {
    stream.reading = true;
    if (!stream.readerOpen) this.#openReaders++;
    stream.readerOpen = true;
    this.#reads++;
    let chunk: Buffer | undefined;
    try {
      chunk = await reading;
      if (chunk.length === 0) throw new Error(`the file of a value is shorter than its ${stream.size} bytes`);
    } catch (error) {
      chunk = undefined;
      if (!stream.closed) this.#writer.failed(error as Error);
    }
    stream.reading = false;
    this.#reads--;
    if (stream.closed) this.#closeReader(stream);
    else if (chunk !== undefined) this.#chunk(stream, chunk);
    if (stream.credit <= 0 || this.#openReaders > MAX_OPEN_READERS) this.#closeReader(stream);
    this.pump();
  }

  /** A further chunk opens it again. */
  #closeReader(stream: OutboundStream): void {
    if (!stream.readerOpen || stream.reading) return;
    stream.readerOpen = false;
    this.#openReaders--;
    (stream.source as ValueReader).close();
  }

  #end(stream: OutboundStream): void {
    stream.closed = true;
    this.#streams.delete(stream.id);
    this.#closeReader(stream);
  }
}
