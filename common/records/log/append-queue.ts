import { type FrameKind, SEAL_BYTES, seal } from './frame-seal.js';
import { FRAME_HEADER_BYTES, type RecordTexts } from '../record/record-codec.js';
import { SEGMENT_MAGIC, type Segment, type SegmentFiles } from './segment.js';

const CHUNK_BYTES = 256 * 1024;
/** One UTF-16 unit is at most this many bytes of UTF-8. */
const MAX_BYTES_PER_UNIT = 3;
const SEALED_HEADER_BYTES = SEAL_BYTES + FRAME_HEADER_BYTES;

/** A part of a segment that is not completely in its file yet. A frame is never in two chunks. */
interface Chunk {
  readonly buffer: Buffer;
  readonly segment: Segment;
  /** Offset of the buffer in the segment. */
  readonly offset: number;
  used: number;
  written: number;
}

type WrittenCallback = (error?: Error) => void;

/**
 * Bytes that wait to be written to the segment files, in order. They leave the queue once they are in the file: after a
 * failure the queue continues with the first byte that was not written.
 */
export class AppendQueue {
  #chunks: Chunk[] = [];
  #spare: Buffer | undefined = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  /** Bytes since the start. */
  #appended = 0;
  #flushed = 0;
  /** Callbacks with the value of `#flushed` that they wait for, in order. */
  #waiting: { readonly until: number; readonly callback: WrittenCallback }[] = [];
  #openCallbacks: WrittenCallback[] = [];

  readonly #files: SegmentFiles;

  constructor(files: SegmentFiles) {
    this.#files = files;
  }

  get unwrittenBytes(): number {
    return this.#appended - this.#flushed;
  }

  /** Queues a frame at the end of the segment and returns its length. */
  append(segment: Segment, texts: RecordTexts, kind: FrameKind): number {
    const { head, result, logs } = texts;
    const room = SEALED_HEADER_BYTES + (head.length + result.length + logs.length) * MAX_BYTES_PER_UNIT;
    const chunk = this.#chunkFor(segment, room <= CHUNK_BYTES ? room : exactRoom(texts));
    const { buffer } = chunk;
    const begin = chunk.used + SEAL_BYTES;
    let at = begin + FRAME_HEADER_BYTES;
    const headBytes = buffer.write(head, at);
    at += headBytes;
    const resultBytes = buffer.write(result, at);
    at += resultBytes;
    const logBytes = logs === '' ? 0 : buffer.write(logs, at);
    buffer.writeUInt32LE(headBytes, begin);
    buffer.writeUInt32LE(resultBytes, begin + 4);
    buffer.writeUInt32LE(logBytes, begin + 8);
    const end = at + logBytes;
    seal(buffer, chunk.used, end, kind);
    this.#grow(chunk, end - chunk.used);
    return end - begin;
  }

  /** Calls back when all bytes that are queued now are in the files. */
  whenWritten(callback: WrittenCallback): void {
    this.#openCallbacks.push(callback);
  }

  /** A copy of queued bytes; undefined when they are in the file. */
  peek(segment: Segment, offset: number, length: number): Buffer | undefined {
    if (offset + length <= segment.written) return undefined;
    for (const chunk of this.#chunks) {
      if (chunk.segment !== segment) continue;
      const from = offset - chunk.offset;
      if (from >= 0 && from + length <= chunk.used) return Buffer.from(chunk.buffer.subarray(from, from + length));
    }
    return undefined;
  }

  /**
   * Writes all bytes: in one write, unless a segment ends or the system writes fewer. Throws the first failure; the bytes
   * written before stay written.
   */
  flush(): void {
    for (const callback of this.#openCallbacks) this.#waiting.push({ until: this.#appended, callback });
    this.#openCallbacks = [];
    let failure: { readonly error: unknown } | undefined;
    try {
      while (this.unwrittenBytes > 0) this.#writeFirstSegment();
    } catch (error) {
      failure = { error };
    }
    this.#callBack();
    if (failure !== undefined) throw failure.error;
  }

  /** Ends the queue without writing: the callbacks that wait get the error. */
  abandon(error: Error): void {
    const callbacks = [...this.#waiting.map((waiter) => waiter.callback), ...this.#openCallbacks];
    this.#waiting = [];
    this.#openCallbacks = [];
    for (const callback of callbacks) callSafely(callback, error);
  }

  #writeFirstSegment(): void {
    const { segment } = this.#chunks[0]!;
    const buffers: Uint8Array[] = [];
    for (const chunk of this.#chunks) {
      if (chunk.segment !== segment) break;
      if (chunk.used > chunk.written) buffers.push(chunk.buffer.subarray(chunk.written, chunk.used));
    }
    const count = this.#write(segment, buffers);
    segment.written += count;
    this.#flushed += count;
    this.#drop(count);
  }

  /**
   * Writes where the last write ended: a part of a frame that was written before a failure is overwritten, and nothing
   * follows it. The next attempt opens a file that failed again.
   */
  #write(segment: Segment, buffers: readonly Uint8Array[]): number {
    segment.fd ??= this.#files.open(segment.path);
    try {
      const count = this.#files.write(segment.fd, buffers, segment.written);
      if (count <= 0) throw new Error('the file system took no bytes');
      return count;
    } catch (error) {
      const { fd } = segment;
      segment.fd = undefined;
      closeQuietly(this.#files, fd);
      throw error;
    }
  }

  #drop(count: number): void {
    let left = count;
    let done = 0;
    for (const chunk of this.#chunks) {
      const taken = Math.min(left, chunk.used - chunk.written);
      chunk.written += taken;
      left -= taken;
      if (chunk.written < chunk.used) break;
      done++;
      if (chunk.buffer.length === CHUNK_BYTES) this.#spare = chunk.buffer;
    }
    this.#chunks.splice(0, done);
  }

  #callBack(): void {
    const ready = this.#waiting.findIndex((waiter) => waiter.until > this.#flushed);
    const callbacks = this.#waiting.splice(0, ready < 0 ? this.#waiting.length : ready);
    for (const { callback } of callbacks) callSafely(callback);
  }

  #chunkFor(segment: Segment, bytes: number): Chunk {
    const last = this.#chunks.at(-1);
    if (last !== undefined && last.segment === segment && last.buffer.length - last.used >= bytes) return last;
    const needed = bytes + SEGMENT_MAGIC.length;
    let buffer = needed <= CHUNK_BYTES ? this.#spare : Buffer.allocUnsafeSlow(needed);
    if (buffer === undefined) buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    else if (buffer === this.#spare) this.#spare = undefined;
    const chunk: Chunk = { buffer, segment, offset: segment.length, used: 0, written: 0 };
    this.#chunks.push(chunk);
    if (segment.length === 0) {
      SEGMENT_MAGIC.copy(buffer);
      this.#grow(chunk, SEGMENT_MAGIC.length);
    }
    return chunk;
  }

  #grow(chunk: Chunk, bytes: number): void {
    chunk.used += bytes;
    chunk.segment.length += bytes;
    this.#appended += bytes;
  }
}

/** A callback that throws is a bug of its owner, not a failure of the disk: it becomes an uncaught error. */
function callSafely(callback: WrittenCallback, failure?: Error): void {
  try {
    callback(failure);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

/** The failure that led to the close is the one to report. */
function closeQuietly(files: SegmentFiles, fd: number): void {
  try {
    files.close(fd);
  } catch {
    // The descriptor is closed even so.
  }
}

function exactRoom({ head, result, logs }: RecordTexts): number {
  return SEALED_HEADER_BYTES + Buffer.byteLength(head) + Buffer.byteLength(result) + Buffer.byteLength(logs);
}
