import {
  FLAG_END,
  FrameType,
  MAX_CHUNK_BYTES,
  MAX_INLINE_BYTES,
  ProtocolError,
  type Slot,
  encodeAmount,
} from '@dataflower/action-runtime/protocol';
import type { DataSink, Value } from '../../sink/value.js';
import { bytesOf } from '../../sink/value-bytes.js';
import type { OfferedFile, OfferedFiles } from './file-sharing.js';
import { InboundOffers } from './inbound-offers.js';

/** First credit of a stream, in bytes. */
export const INITIAL_CREDIT_BYTES = 1024 * 1024;
/** Credit is given back in steps of this size, in bytes. */
const CREDIT_STEP_BYTES = INITIAL_CREDIT_BYTES / 2;
const MIB = 1024 * 1024;
/** Largest number of open streams of a container. */
const MAX_OPEN_STREAMS = 1024;
/** Limit of the bytes of all open streams, as a multiple of the largest value. */
const MAX_OPEN_VALUES = 2;
/** Limit of the bytes of open streams and files, as a multiple of the container's memory, which holds them until they are sent. */
const MAX_OPEN_MEMORIES = 2;
/** Share of the container's memory limit that its open streams may take in the agent's memory. Further streams go to files. */
const MEMORY_SHARE = 1 / 4;
/** Unwritten bytes of files above which the agent stops reading from the container. */
const MAX_UNWRITTEN_BYTES = 2 * 1024 * 1024;

interface InboundStream {
  readonly size: number;
  fill: number;
  credit: number;
  readonly target: StreamTarget;
}

/** The destination of a stream's bytes. */
interface StreamTarget {
  readonly inMemory: boolean;
  write(chunk: Buffer): Promise<void> | undefined;
  end(): void;
  discard(): void;
}

/** The connection to the container. */
export interface InboundConnection {
  send(frame: Buffer): void;
  /** Stops reading until `goOn`. */
  hold(): void;
  goOn(): void;
}

/** Receives the values that a container announces: inline, as streams of DATA, or in files that the agent made. */
export class InboundValues {
  readonly #streams = new Map<number, InboundStream>();
  readonly offers: InboundOffers;
  /** Announced bytes of all open streams. */
  #openBytes = 0;
  readonly #memoryLimit: number;
  /** Announced bytes of the streams that arrive in memory. */
  #memoryBytes = 0;
  /** Bytes being written to files. */
  #unwrittenBytes = 0;
  #held = false;
  #closed = false;

  readonly #sink: DataSink;
  readonly #maxValueBytes: number;
  readonly #connection: InboundConnection;
  readonly #fail: (error: Error) => void;

  /**
   * @param maxValueBytes Largest value accepted, in bytes.
   * @param memoryMiB The container's memory limit.
   * @param fail Ends the container: a value that it announced cannot be received.
   */
  constructor(
    sink: DataSink,
    files: OfferedFiles,
    maxValueBytes: number,
    memoryMiB: number,
    connection: InboundConnection,
    fail: (error: Error) => void,
  ) {
    this.#sink = sink;
    this.#maxValueBytes = maxValueBytes;
    this.#connection = connection;
    this.#fail = fail;

    this.#memoryLimit = memoryMiB * MIB;
    const mayAllocate = (bytes: number): boolean => bytes <= maxValueBytes && bytes <= this.#leftToAnnounce;
    this.offers = new InboundOffers(files, mayAllocate, (frame) => connection.send(frame));
  }

  /** True while announced bytes have not arrived. */
  get busy(): boolean {
    return this.#streams.size > 0;
  }

  /** Announced bytes of all open streams. */
  get openBytes(): number {
    return this.#openBytes;
  }

  /** True while the agent does not read from the container because its own files are slow. */
  get held(): boolean {
    return this.#held;
  }

  /** Receives an inline value; its bytes are copied out of the read buffer. */
  inline(bytes: Buffer, shape: number): Value {
    return this.#sink.put(Buffer.from(checkInline(bytes)), shape);
  }

  /** Receives a value that is not inline; calls back once when it has arrived, never when the container fails first. */
  receive(slot: Exclude<Slot, { where: 'inline' }>, shape: number, done: (value: Value) => void): void {
    if (slot.where === 'stream') {
      this.#open(slot.streamId, slot.size, () => this.#valueTarget(slot.size, shape, done));
      return;
    }
    this.#whenSealed(this.offers.take(slot.fileId, slot.size).seal(shape), done);
  }

  /** Receives text of at most `maxBytes` (a function step's environment). */
  receiveText(slot: Slot, maxBytes: number, done: (text: string) => void): void {
    const size = slot.where === 'inline' ? slot.bytes.length : slot.size;
    if (size > maxBytes)
      throw new ProtocolError('MALFORMED_PAYLOAD', `an environment of ${size} bytes, at most ${maxBytes} are allowed`);
    switch (slot.where) {
      case 'inline':
        done(checkInline(slot.bytes).toString());
        return;
      case 'stream':
        this.#open(slot.streamId, slot.size, () => textTarget(slot.size, done));
        return;
      case 'file':
        this.#readText(this.offers.take(slot.fileId, slot.size)).then(
          (text) => {
            if (!this.#closed) done(text);
          },
          (error: unknown) => {
            if (!this.#closed) this.#fail(asError(error));
          },
        );
    }
  }

  onData(id: number, flags: number, chunk: Buffer): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) throw new ProtocolError('UNEXPECTED_FRAME', `DATA of stream ${id}, which is not open`);
    if (chunk.length > MAX_CHUNK_BYTES) {
      throw new ProtocolError(
        'MALFORMED_PAYLOAD',
        `a chunk of ${chunk.length} bytes, at most ${MAX_CHUNK_BYTES} are allowed`,
      );
    }
    if (chunk.length > stream.credit)
      throw new ProtocolError('UNEXPECTED_FRAME', `stream ${id} sent more than its credit`);
    if (stream.fill + chunk.length > stream.size) {
      throw new ProtocolError('MALFORMED_PAYLOAD', `stream ${id} is longer than announced`);
    }
    stream.fill += chunk.length;
    stream.credit -= chunk.length;
    const isLast = (flags & FLAG_END) !== 0;
    if (isLast && stream.fill !== stream.size)
      throw new ProtocolError('MALFORMED_PAYLOAD', `stream ${id} is shorter than announced`);
    const writing = stream.target.write(chunk);
    if (writing !== undefined) this.#trackWriting(writing, chunk.length, id, stream);
    if (isLast) {
      this.#streams.delete(id);
      this.#openBytes -= stream.size;
      if (stream.target.inMemory) this.#memoryBytes -= stream.size;
      stream.target.end();
    } else if (writing === undefined) this.#giveCredit(id, stream);
  }

  /** RESET of a stream of the container's: an announced value will not arrive, so its run has failed. */
  onReset(id: number, reason: string): void {
    if (this.#streams.has(id))
      throw new ProtocolError('UNEXPECTED_FRAME', `stream ${id} was given up: ${reason.slice(0, 200)}`);
  }

  /** Called when the container has ended: incomplete values are discarded. */
  close(): void {
    this.#closed = true;
    for (const { target } of this.#streams.values()) target.discard();
    this.#streams.clear();
    this.offers.close();
  }

  /** Bytes that the container may still announce. */
  get #leftToAnnounce(): number {
    const most = Math.min(MAX_OPEN_VALUES * this.#maxValueBytes, MAX_OPEN_MEMORIES * this.#memoryLimit);
    return most - this.#openBytes - this.offers.bytes;
  }

  #open(id: number, size: number, target: () => StreamTarget): void {
    if (id % 2 !== 1) throw new ProtocolError('MALFORMED_PAYLOAD', `stream ${id} is not one of the container's`);
    if (this.#streams.has(id)) throw new ProtocolError('UNEXPECTED_FRAME', `stream ${id} is open already`);
    if (this.#streams.size >= MAX_OPEN_STREAMS)
      throw new ProtocolError('UNEXPECTED_FRAME', 'too many streams are open');
    if (size === 0 || size > this.#maxValueBytes) {
      throw new ProtocolError(
        'MALFORMED_PAYLOAD',
        `a value of ${size} bytes, at most ${this.#maxValueBytes} are allowed`,
      );
    }
    if (size > this.#leftToAnnounce)
      throw new ProtocolError('UNEXPECTED_FRAME', `${this.#openBytes + size} bytes of values under way at once`);
    this.#openBytes += size;
    const stream = { size, fill: 0, credit: INITIAL_CREDIT_BYTES, target: target() };
    if (stream.target.inMemory) this.#memoryBytes += size;
    this.#streams.set(id, stream);
  }

  #valueTarget(size: number, shape: number, done: (value: Value) => void): StreamTarget {
    const mayBeInMemory = this.#memoryBytes + size <= MEMORY_SHARE * this.#memoryLimit;
    const value = this.#sink.receive(size, mayBeInMemory);
    return {
      inMemory: value.inMemory,
      write: (chunk) => value.write(chunk),
      end: () => {
        const sealed = value.seal(shape);
        if (sealed instanceof Promise) this.#whenSealed(sealed, done);
        else done(sealed);
      },
      discard: () => value.discard(),
    };
  }

  async #readText(file: OfferedFile): Promise<string> {
    const value = await file.seal(0);
    try {
      return (await bytesOf(value)).toString();
    } finally {
      value.release();
    }
  }

  #whenSealed(value: Promise<Value>, done: (value: Value) => void): void {
    value.then(
      (arrived) => {
        if (this.#closed) arrived.release();
        else done(arrived);
      },
      (error: unknown) => {
        if (!this.#closed) this.#fail(asError(error));
      },
    );
  }

  /** Bytes are being written to a file: the container gets credit for them when they are written. */
  #trackWriting(writing: Promise<void>, bytes: number, id: number, stream: InboundStream): void {
    this.#unwrittenBytes += bytes;
    if (!this.#held && this.#unwrittenBytes > MAX_UNWRITTEN_BYTES) {
      this.#held = true;
      this.#connection.hold();
    }
    writing.then(
      () => {
        this.#unwrittenBytes -= bytes;
        if (this.#closed) return;
        if (this.#streams.get(id) === stream) this.#giveCredit(id, stream);
        if (!this.#held || this.#unwrittenBytes > MAX_UNWRITTEN_BYTES / 2) return;
        this.#held = false;
        this.#connection.goOn();
      },
      (error: unknown) => {
        if (!this.#closed) this.#fail(new Error('a value could not be kept', { cause: error }));
      },
    );
  }

  #giveCredit(id: number, stream: InboundStream): void {
    const left = stream.size - stream.fill;
    if (stream.credit >= left || stream.credit > INITIAL_CREDIT_BYTES - CREDIT_STEP_BYTES) return;
    const more = INITIAL_CREDIT_BYTES - stream.credit;
    stream.credit += more;
    this.#connection.send(encodeAmount(FrameType.CREDIT, id, more));
  }
}

function textTarget(size: number, done: (text: string) => void): StreamTarget {
  const bytes = Buffer.allocUnsafeSlow(size);
  let fill = 0;
  return {
    inMemory: true,
    write: (chunk) => {
      bytes.set(chunk, fill);
      fill += chunk.length;
      return undefined;
    },
    end: () => done(bytes.toString()),
    discard: () => undefined,
  };
}

function checkInline(bytes: Buffer): Buffer {
  if (bytes.length > MAX_INLINE_BYTES) {
    throw new ProtocolError(
      'MALFORMED_PAYLOAD',
      `${bytes.length} bytes inline, at most ${MAX_INLINE_BYTES} are allowed`,
    );
  }
  return bytes;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
