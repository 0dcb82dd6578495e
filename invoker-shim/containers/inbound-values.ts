import {
  FLAG_END,
  FLAG_FOLLOWED,
  FrameType,
  MAX_CHUNK_BYTES,
  MAX_INLINE_BYTES,
  ProtocolError,
  type Slot,
  encodeAmount,
  encodeText,
} from '@dataflower/action-runtime/protocol';
import type { DataSink, Value } from '../sink/value.js';
import type { OfferedFile, OfferedFiles } from './file-sharing.js';
import { readBytes } from './read-bytes.js';

/** Bytes that a container may send of a stream before the agent gives it more. */
export const INITIAL_CREDIT_BYTES = 1024 * 1024;
/** Credit is given back in pieces of this size. */
const CREDIT_STEP_BYTES = INITIAL_CREDIT_BYTES / 2;
/** Files that a container may have been given and not yet used. */
const MAX_OPEN_OFFERS = 64;
/** Streams that a container may have announced and not yet ended. */
const MAX_OPEN_STREAMS = 1024;
/** Their bytes together, as a multiple of the largest value. An honest container holds them in its own memory until they are sent. */
const MAX_OPEN_VALUES = 2;

interface InboundStream {
  readonly bytes: Buffer;
  fill: number;
  credit: number;
  readonly done: (bytes: Buffer) => void;
}

/** Where the values that a container announces come in: inline, as streams of DATA, or in files that the agent made. */
export class InboundValues {
  readonly #streams = new Map<number, InboundStream>();
  readonly #offers = new Map<number, OfferedFile>();
  /** Offers whose file is being made. */
  readonly #coming = new Set<number>();
  /** Of all open streams, as announced. */
  #openBytes = 0;
  #closed = false;

  /**
   * @param maxValueBytes Largest value taken.
   * @param fail Ends the container: a value that it announced cannot be had.
   */
  constructor(
    private readonly sink: DataSink,
    private readonly files: OfferedFiles,
    private readonly maxValueBytes: number,
    private readonly send: (frame: Buffer) => void,
    private readonly fail: (error: Error) => void,
  ) {}

  /** Bytes announced and not here yet make the agent wait for them: true while that is so. */
  get busy(): boolean {
    return this.#streams.size > 0;
  }

  /** Of all open streams, as announced. */
  get openBytes(): number {
    return this.#openBytes;
  }

  /** Takes in an inline value at once; the bytes are copied out of the read buffer. */
  inline(bytes: Buffer, shape: number): Value {
    return this.sink.put(Buffer.from(checkInline(bytes)), shape);
  }

  /** Takes in a value that is not inline; calls back once when it is here, never when the container fails first. */
  receive(slot: Exclude<Slot, { where: 'inline' }>, shape: number, done: (value: Value) => void): void {
    if (slot.where === 'stream') {
      this.#open(slot.streamId, slot.size, (bytes) => done(this.sink.put(bytes, shape)));
      return;
    }
    const file = this.#takeOffer(slot.fileId, slot.size);
    file.seal(shape).then(
      (value) => {
        if (this.#closed) value.release();
        else done(value);
      },
      (error: unknown) => {
        if (!this.#closed) this.fail(asError(error));
      },
    );
  }

  /** Takes in text of at most `maxBytes` (a function step's environment). */
  receiveText(slot: Slot, maxBytes: number, done: (text: string) => void): void {
    const size = slot.where === 'inline' ? slot.bytes.length : slot.size;
    if (size > maxBytes)
      throw new ProtocolError('MALFORMED_PAYLOAD', `an environment of ${size} bytes, at most ${maxBytes} are allowed`);
    switch (slot.where) {
      case 'inline':
        done(checkInline(slot.bytes).toString());
        return;
      case 'stream':
        this.#open(slot.streamId, slot.size, (bytes) => done(bytes.toString()));
        return;
      case 'file': {
        const file = this.#takeOffer(slot.fileId, slot.size);
        readBytes(file.path, file.size).then(
          (bytes) => {
            file.discard();
            if (!this.#closed) done(bytes.toString());
          },
          (error: unknown) => {
            file.discard();
            if (!this.#closed) this.fail(asError(error));
          },
        );
      }
    }
  }

  /** OFFER: a file, or none when there can be none. */
  onOffer(id: number, size: number): void {
    if (this.#offers.has(id) || this.#coming.has(id))
      throw new ProtocolError('UNEXPECTED_FRAME', `offer ${id} was made before`);
    const refused = size === 0 || size > this.maxValueBytes || this.#offers.size + this.#coming.size >= MAX_OPEN_OFFERS;
    const file = refused ? undefined : this.files.allocate(size);
    if (!(file instanceof Promise)) {
      this.#give(id, file);
      return;
    }
    this.#coming.add(id);
    void file.then((made) => {
      this.#coming.delete(id);
      if (this.#closed) made?.discard();
      else this.#give(id, made);
    });
  }

  /** FILLED: so much of a file is there. */
  onFilled(id: number, bytes: number): void {
    const file = this.#offers.get(id);
    if (file?.filled === undefined)
      throw new ProtocolError('UNEXPECTED_FRAME', `FILLED of file ${id}, of which it was not asked`);
    if (bytes > file.size)
      throw new ProtocolError('MALFORMED_PAYLOAD', `file ${id} has ${file.size} bytes, not ${bytes}`);
    file.filled(bytes);
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
    if (stream.fill + chunk.length > stream.bytes.length) {
      throw new ProtocolError('MALFORMED_PAYLOAD', `stream ${id} is longer than announced`);
    }
    stream.bytes.set(chunk, stream.fill);
    stream.fill += chunk.length;
    stream.credit -= chunk.length;
    if ((flags & FLAG_END) !== 0) {
      if (stream.fill !== stream.bytes.length)
        throw new ProtocolError('MALFORMED_PAYLOAD', `stream ${id} is shorter than announced`);
      this.#streams.delete(id);
      this.#openBytes -= stream.bytes.length;
      stream.done(stream.bytes);
      return;
    }
    const left = stream.bytes.length - stream.fill;
    if (stream.credit < left && stream.credit <= INITIAL_CREDIT_BYTES - CREDIT_STEP_BYTES) {
      const more = INITIAL_CREDIT_BYTES - stream.credit;
      stream.credit += more;
      this.send(encodeAmount(FrameType.CREDIT, id, more));
    }
  }

  /** RESET of a stream of the container's: a value that it promised will not come, so its run cannot end well. */
  onReset(id: number, reason: string): void {
    if (this.#streams.has(id))
      throw new ProtocolError('UNEXPECTED_FRAME', `stream ${id} was given up: ${reason.slice(0, 200)}`);
  }

  /** The container is gone: what it has not completed is dropped. */
  close(): void {
    this.#closed = true;
    this.#streams.clear();
    for (const file of this.#offers.values()) file.discard();
    this.#offers.clear();
    this.files.close();
  }

  #give(id: number, file: OfferedFile | undefined): void {
    if (file !== undefined) this.#offers.set(id, file);
    const flags = file?.filled === undefined ? 0 : FLAG_FOLLOWED;
    this.send(encodeText(FrameType.FILE, id, file?.pathThere ?? '', flags));
  }

  #open(id: number, size: number, done: (bytes: Buffer) => void): void {
    if (id % 2 !== 1) throw new ProtocolError('MALFORMED_PAYLOAD', `stream ${id} is not one of the container's`);
    if (this.#streams.has(id)) throw new ProtocolError('UNEXPECTED_FRAME', `stream ${id} is open already`);
    if (this.#streams.size >= MAX_OPEN_STREAMS)
      throw new ProtocolError('UNEXPECTED_FRAME', 'too many streams are open');
    if (size === 0 || size > this.maxValueBytes) {
      throw new ProtocolError(
        'MALFORMED_PAYLOAD',
        `a value of ${size} bytes, at most ${this.maxValueBytes} are allowed`,
      );
    }
    if (this.#openBytes + size > MAX_OPEN_VALUES * this.maxValueBytes)
      throw new ProtocolError('UNEXPECTED_FRAME', `${this.#openBytes + size} bytes of values under way at once`);
    this.#openBytes += size;
    // Not touched before bytes arrive, so that a size that is only claimed takes no memory.
    this.#streams.set(id, { bytes: Buffer.allocUnsafeSlow(size), fill: 0, credit: INITIAL_CREDIT_BYTES, done });
  }

  #takeOffer(id: number, size: number): OfferedFile {
    const file = this.#offers.get(id);
    if (file === undefined) throw new ProtocolError('UNEXPECTED_FRAME', `file ${id} was not given`);
    if (file.size !== size)
      throw new ProtocolError('MALFORMED_PAYLOAD', `file ${id} has ${file.size} bytes, not ${size}`);
    this.#offers.delete(id);
    return file;
  }
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
