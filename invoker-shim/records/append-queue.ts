import { crc32 } from './crc32.js';
import { FRAME_HEADER_BYTES, type RecordTexts } from './record-codec.js';
import { COMMIT_BYTES, COMMIT_MARK, SEGMENT_MAGIC, type Segment, type SegmentFiles } from './segment.js';

const CHUNK_BYTES = 256 * 1024;
/** One UTF-16 unit is at most this many bytes of UTF-8. */
const MAX_BYTES_PER_UNIT = 3;

/** A piece of a segment that is not all in its file yet. A frame is never in two chunks. */
interface Chunk {
  readonly buffer: Buffer;
  readonly segment: Segment;
  /** Where the first byte of the buffer goes in the segment. */
  readonly offset: number;
  used: number;
  /** Up to here the commit frames have counted. */
  summed: number;
  written: number;
}

type WrittenCallback = (error?: Error) => void;

/**
 * Bytes on their way to the segment files, in order. They leave once they are in the file: what was written before a
 * failure is not written again, what was not is written later.
 */
export class AppendQueue {
  private chunks: Chunk[] = [];
  private spare: Buffer | undefined = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  /** Of all bytes since the start. */
  private appended = 0;
  private flushed = 0;
  private committed = true;
  /** Callbacks with the number of bytes that they wait for, in order. */
  private waiting: { readonly until: number; readonly callback: WrittenCallback }[] = [];
  private openCallbacks: WrittenCallback[] = [];

  constructor(private readonly files: SegmentFiles) {}

  get unwrittenBytes(): number {
    return this.appended - this.flushed;
  }

  /** Queues a frame behind all others and returns its length; it begins where the segment ended. */
  append(segment: Segment, texts: RecordTexts): number {
    const last = this.chunks.at(-1);
    if (last !== undefined && last.segment !== segment) this.commit();
    const { head, result, logs } = texts;
    const room = FRAME_HEADER_BYTES + (head.length + result.length + logs.length) * MAX_BYTES_PER_UNIT;
    const chunk = this.chunkFor(segment, room <= CHUNK_BYTES ? room : exactRoom(texts));
    const { buffer } = chunk;
    const begin = chunk.used;
    let at = begin + FRAME_HEADER_BYTES;
    const headBytes = buffer.write(head, at);
    at += headBytes;
    const resultBytes = buffer.write(result, at);
    at += resultBytes;
    const logBytes = logs === '' ? 0 : buffer.write(logs, at);
    buffer.writeUInt32LE(headBytes, begin);
    buffer.writeUInt32LE(resultBytes, begin + 4);
    buffer.writeUInt32LE(logBytes, begin + 8);
    const length = at + logBytes - begin;
    this.grow(chunk, length);
    this.committed = false;
    return length;
  }

  /** Calls back when all that is queued now is in the files. */
  whenWritten(callback: WrittenCallback): void {
    this.openCallbacks.push(callback);
  }

  /** A copy of queued bytes; undefined when they are in the file. */
  peek(segment: Segment, offset: number, length: number): Buffer | undefined {
    if (offset + length <= segment.written) return undefined;
    for (const chunk of this.chunks) {
      if (chunk.segment !== segment) continue;
      const from = offset - chunk.offset;
      if (from >= 0 && from + length <= chunk.used) return Buffer.from(chunk.buffer.subarray(from, from + length));
    }
    return undefined;
  }

  /**
   * Writes everything: one write, save where a segment ends or the system takes less. Throws the first failure; what
   * was written until then stays written.
   */
  flush(): void {
    if (!this.committed) this.commit();
    for (const callback of this.openCallbacks) this.waiting.push({ until: this.appended, callback });
    this.openCallbacks = [];
    let failure: { readonly error: unknown } | undefined;
    try {
      while (this.unwrittenBytes > 0) this.writeFirstSegment();
    } catch (error) {
      failure = { error };
    }
    this.callBack();
    if (failure !== undefined) throw failure.error;
  }

  /** Nothing more will be written: who still waits gets the error. */
  abandon(error: Error): void {
    const callbacks = [...this.waiting.map((waiter) => waiter.callback), ...this.openCallbacks];
    this.waiting = [];
    this.openCallbacks = [];
    for (const callback of callbacks) callSafely(callback, error);
  }

  private writeFirstSegment(): void {
    const { segment } = this.chunks[0]!;
    const buffers: Uint8Array[] = [];
    for (const chunk of this.chunks) {
      if (chunk.segment !== segment) break;
      if (chunk.used > chunk.written) buffers.push(chunk.buffer.subarray(chunk.written, chunk.used));
    }
    segment.fd ??= this.files.open(segment.path);
    const count = this.files.write(segment.fd, buffers, segment.written);
    if (count <= 0) throw new Error('the file system took no bytes');
    segment.written += count;
    this.flushed += count;
    this.drop(count);
  }

  private drop(count: number): void {
    let left = count;
    let done = 0;
    for (const chunk of this.chunks) {
      const taken = Math.min(left, chunk.used - chunk.written);
      chunk.written += taken;
      left -= taken;
      if (chunk.written < chunk.used) break;
      done++;
      if (chunk.buffer.length === CHUNK_BYTES) this.spare = chunk.buffer;
    }
    this.chunks.splice(0, done);
  }

  private callBack(): void {
    const ready = this.waiting.findIndex((waiter) => waiter.until > this.flushed);
    const callbacks = this.waiting.splice(0, ready < 0 ? this.waiting.length : ready);
    for (const { callback } of callbacks) callSafely(callback);
  }

  /** Ends the batch of the last segment, so that a reader can tell a whole one from a torn one. */
  private commit(): void {
    this.committed = true;
    const { segment } = this.chunks.at(-1)!;
    let crc = 0;
    for (const chunk of this.chunks) {
      if (chunk.segment !== segment || chunk.summed === chunk.used) continue;
      crc = crc32(chunk.buffer.subarray(chunk.summed, chunk.used), crc);
      chunk.summed = chunk.used;
    }
    const chunk = this.chunkFor(segment, COMMIT_BYTES);
    chunk.buffer.writeUInt32LE(COMMIT_MARK, chunk.used);
    chunk.buffer.writeUInt32LE(crc, chunk.used + 4);
    this.grow(chunk, COMMIT_BYTES);
    chunk.summed = chunk.used;
  }

  private chunkFor(segment: Segment, bytes: number): Chunk {
    const last = this.chunks.at(-1);
    if (last !== undefined && last.segment === segment && last.buffer.length - last.used >= bytes) return last;
    const needed = bytes + SEGMENT_MAGIC.length;
    let buffer = needed <= CHUNK_BYTES ? this.spare : Buffer.allocUnsafeSlow(needed);
    if (buffer === undefined) buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    else if (buffer === this.spare) this.spare = undefined;
    const chunk: Chunk = { buffer, segment, offset: segment.length, used: 0, summed: 0, written: 0 };
    this.chunks.push(chunk);
    if (segment.length === 0) {
      SEGMENT_MAGIC.copy(buffer);
      this.grow(chunk, SEGMENT_MAGIC.length);
      chunk.summed = chunk.used;
    }
    return chunk;
  }

  private grow(chunk: Chunk, bytes: number): void {
    chunk.used += bytes;
    chunk.segment.length += bytes;
    this.appended += bytes;
  }
}

/** A callback that throws is its owner's bug, not a failure of the disk: it surfaces as an uncaught error. */
function callSafely(callback: WrittenCallback, failure?: Error): void {
  try {
    callback(failure);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

function exactRoom({ head, result, logs }: RecordTexts): number {
  return FRAME_HEADER_BYTES + Buffer.byteLength(head) + Buffer.byteLength(result) + Buffer.byteLength(logs);
}
