import { crc32 } from './crc32.js';
import { FRAME_HEADER_BYTES, decodeFrame, listedName } from './record-codec.js';
import { COMMIT_BYTES, COMMIT_MARK, SEGMENT_MAGIC } from './segment.js';
import { SegmentIndex, tryParseId } from './segment-index.js';

/** What a segment file holds: an index of the whole batches, and where the last of them ends. */
export interface ScannedSegment {
  readonly index: SegmentIndex;
  /** Bytes after it are a torn tail. 0 when the file is no segment at all. */
  readonly length: number;
}

/** Rebuilds the index of a segment from its bytes. Never throws: what is not a whole batch ends the scan. */
export function scanSegment(bytes: Buffer): ScannedSegment {
  const index = new SegmentIndex();
  if (!bytes.subarray(0, SEGMENT_MAGIC.length).equals(SEGMENT_MAGIC)) return { index, length: 0 };
  let batch = SEGMENT_MAGIC.length;
  let at = batch;
  let frames: number[] = [];
  while (at + COMMIT_BYTES <= bytes.length) {
    if (bytes.readUInt32LE(at) === COMMIT_MARK) {
      if (frames.length === 0 || crc32(bytes.subarray(batch, at)) !== bytes.readUInt32LE(at + 4)) break;
      if (!addBatch(index, bytes, frames)) break;
      at += COMMIT_BYTES;
      batch = at;
      frames = [];
    } else {
      const length = frameLength(bytes, at);
      if (length === 0) break;
      frames.push(at, length);
      at += length;
    }
  }
  return { index, length: batch };
}

/** 0 when there is no whole frame at `at`. */
function frameLength(bytes: Buffer, at: number): number {
  if (at + FRAME_HEADER_BYTES > bytes.length) return 0;
  const head = bytes.readUInt32LE(at);
  const length = FRAME_HEADER_BYTES + head + bytes.readUInt32LE(at + 4) + bytes.readUInt32LE(at + 8);
  return head === 0 || at + length > bytes.length ? 0 : length;
}

/** False when a frame with a good sum is no record: the file was not written by this program. */
function addBatch(index: SegmentIndex, bytes: Buffer, frames: readonly number[]): boolean {
  for (let i = 0; i < frames.length; i += 2) {
    const offset = frames[i]!;
    const length = frames[i + 1]!;
    try {
      const record = decodeFrame(bytes.subarray(offset, offset + length), true);
      if (!tryParseId(record.activationId)) return false;
      index.add(offset, length, record.start, record.namespace, listedName(record));
    } catch {
      return false;
    }
  }
  return true;
}
