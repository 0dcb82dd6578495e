import { type FileHandle, open } from 'node:fs/promises';
import { MAX_CHUNK_BYTES } from '@dataflower/action-runtime/protocol';
import { type Composite, PieceReader } from './composite-encoding.js';
import { Deque } from '@dataflower/common';
import { INITIAL_CREDIT_BYTES } from './inbound-values.js';

/** The bytes of a stream: in memory, in a file that the container cannot see, or in the parts of a composite. */
export type StreamSource = Buffer | { readonly path: string; readonly size: number } | Composite;

/** Chunks that are read from files at once. */
const MAX_READS = 4;
/** Files that stay open between two of their chunks: those of large inputs are many, and wait for as long as the container likes. */
const MAX_OPEN_FILES = 16;

interface OutboundStream {
  readonly id: number;
  readonly source: Buffer | PieceReader | string;
  readonly size: number;
  sent: number;
  credit: number;
  reading: boolean;
  closed: boolean;
  file: FileHandle | undefined;
}

export interface ChunkWriter {
  /** True while the connection takes more without growing. */
  isWritable(): boolean;
  writeChunk(streamId: number, chunk: Buffer, last: boolean): void;
  failed(error: Error): void;
}

/**
 * The streams that one side of a connection sends to the other: one chunk of each in turn, within its credit and only as fast as
 * the connection takes them, so that no value delays another nor a control frame for long.
 */
export class OutboundStreams {
  readonly #streams = new Map<number, OutboundStream>();
  /** Those with something to send and credit for it, in turn. */
  readonly #turn = new Deque<OutboundStream>();
  #reads = 0;
  #openFiles = 0;
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
    const size = Buffer.isBuffer(source) ? source.length : source.size;
    const inMemory = Buffer.isBuffer(source) ? source : undefined;
    const stream: OutboundStream = {
      id,
      source: inMemory ?? ('path' in source ? source.path : new PieceReader(source as Composite)),
      size,
      sent: 0,
      credit: INITIAL_CREDIT_BYTES,
      reading: false,
      closed: false,
      file: undefined,
    };
    this.#streams.set(id, stream);
    this.#turn.pushBack(stream);
    return id;
  }

  onCredit(id: number, bytes: number): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    const stalled = stream.credit <= 0;
    stream.credit += bytes;
    if (stalled && stream.credit > 0 && !stream.reading) this.#turn.pushBack(stream);
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
    while (this.#turn.length > 0 && this.#reads < MAX_READS && this.#writer.isWritable()) {
      const stream = this.#turn.popFront()!;
      if (stream.closed) continue;
      const length = Math.min(MAX_CHUNK_BYTES, stream.credit, stream.size - stream.sent);
      const { source } = stream;
      if (typeof source === 'string') void this.#read(stream, source, length);
      else if (source instanceof PieceReader) this.#chunk(stream, source.read(length));
      else this.#chunk(stream, source.subarray(stream.sent, stream.sent + length));
    }
  }

  close(): void {
    for (const stream of this.#streams.values()) this.#end(stream);
    this.#turn.drain();
  }

  #chunk(stream: OutboundStream, chunk: Buffer): void {
    stream.sent += chunk.length;
    stream.credit -= chunk.length;
    const last = stream.sent === stream.size;
    if (last) this.#end(stream);
    else if (stream.credit > 0) this.#turn.pushBack(stream);
    this.#writer.writeChunk(stream.id, chunk, last);
  }

  async #read(stream: OutboundStream, path: string, length: number): Promise<void> {
    stream.reading = true;
    this.#reads++;
    let chunk: Buffer | undefined;
    try {
      chunk = await this.#readChunk(stream, path, length);
    } catch (error) {
      if (!stream.closed) this.#writer.failed(error as Error);
    }
    stream.reading = false;
    this.#reads--;
    if (stream.closed) this.#closeFile(stream);
    else if (chunk !== undefined) this.#chunk(stream, chunk);
    if (stream.credit <= 0 || this.#openFiles > MAX_OPEN_FILES) this.#closeFile(stream);
    this.pump();
  }

  async #readChunk(stream: OutboundStream, path: string, length: number): Promise<Buffer> {
    if (stream.file === undefined) {
      stream.file = await open(path, 'r');
      this.#openFiles++;
    }
    const { bytesRead, buffer } = await stream.file.read(Buffer.allocUnsafe(length), 0, length, stream.sent);
    if (bytesRead === 0) throw new Error(`the file of a value is shorter than its ${stream.size} bytes`);
    return buffer.subarray(0, bytesRead);
  }

  /** A further chunk opens it again. */
  #closeFile(stream: OutboundStream): void {
    const { file } = stream;
    if (file === undefined || stream.reading) return;
    stream.file = undefined;
    this.#openFiles--;
    file.close().catch(() => undefined);
  }

  #end(stream: OutboundStream): void {
    stream.closed = true;
    this.#streams.delete(stream.id);
    this.#closeFile(stream);
  }
}
