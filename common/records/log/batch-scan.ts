import { crc32 } from '@dataflower/action-runtime/crc32';
import { type Scanned, type ScannedFrame, isUnwritten, startsWith, BATCH_MAGIC } from './segment.js';
import { frameLength } from './frame-seal.js';
import { FRAME_HEADER_BYTES } from '../record/record-codec.js';

/** A frame with this in place of its first length ends a batch; the CRC-32 of the batch's frames follows. */
const COMMIT_MARK = 0xffffffff;
const COMMIT_BYTES = 8;
const COMMIT_MARK_BYTES = Buffer.alloc(4, 0xff);
/** No release has written a longer frame. */
const MAX_FRAME_BYTES = 1024 * 1024 * 1024;

interface Batch {
  readonly frames: readonly ScannedFrame[];
  /** The end of its commit frame when it is whole; else the place where no further frame could be read. */
  readonly end: number;
  readonly whole: boolean;
}

/**
 * Scans frames as releases until 0.1 wrote them: in batches, each ended by a commit frame with the sum of the batch. So
 * damage costs the whole batch; the next one begins behind the next commit frame.
 */
export function* scanBatches(bytes: Buffer): Generator<Scanned> {
  /** The end of the last frame or damage. */
  let done = startsWith(bytes, BATCH_MAGIC) ? BATCH_MAGIC.length : 0;
  let at = done > 0 ? done : firstBatch(bytes);
  while (at < bytes.length) {
    const batch = batchAt(bytes, at);
    if (batch.whole) {
      if (at > done) yield { kind: 'damage', from: done, to: at, torn: false };
      yield* batch.frames;
      done = at = batch.end;
      continue;
    }
    // The commit frame itself may be damaged: then the next batch begins behind it.
    if (batch.end > at && batchAt(bytes, batch.end + COMMIT_BYTES).whole) at = batch.end + COMMIT_BYTES;
    else at = behindCommit(bytes, at);
  }
  if (done < bytes.length) yield { kind: 'damage', from: done, to: bytes.length, torn: isTornTail(bytes, done) };
}

/** The offset of the first batch when the magic is damaged or incomplete. */
function firstBatch(bytes: Buffer): number {
  for (let at = BATCH_MAGIC.length; at > 0; at--) if (batchAt(bytes, at).whole) return at;
  return 0;
}

function behindCommit(bytes: Buffer, from: number): number {
  const mark = bytes.indexOf(COMMIT_MARK_BYTES, from);
  return mark < 0 ? bytes.length : mark + COMMIT_BYTES;
}

function batchAt(bytes: Buffer, begin: number): Batch {
  const frames: ScannedFrame[] = [];
  let at = begin;
  while (at + COMMIT_BYTES <= bytes.length) {
    if (bytes.readUInt32LE(at) === COMMIT_MARK) {
      const whole = at > begin && crc32(bytes.subarray(begin, at)) === bytes.readUInt32LE(at + 4);
      return { frames, end: whole ? at + COMMIT_BYTES : at, whole };
    }
    const length = at + FRAME_HEADER_BYTES <= bytes.length ? frameLength(bytes, at) : 0;
    if (length === 0 || bytes.readUInt32LE(at) === 0 || at + length > bytes.length) break;
    frames.push({ kind: 'record', offset: at, length });
    at += length;
  }
  return { frames, end: at, whole: false };
}

/** True for whole frames, the beginning of a further one, and no commit frame. */
function isTornTail(bytes: Buffer, from: number): boolean {
  if (isUnwritten(bytes, from, BATCH_MAGIC)) return true;
  if (from < BATCH_MAGIC.length) return false;
  // The write completed.
  if (bytes.length - from >= COMMIT_BYTES && bytes.readUInt32LE(bytes.length - COMMIT_BYTES) === COMMIT_MARK)
    return false;
  const at = batchAt(bytes, from).end;
  const left = bytes.length - at;
  if (left < FRAME_HEADER_BYTES) return left < COMMIT_BYTES || bytes.readUInt32LE(at) < MAX_FRAME_BYTES;
  const length = frameLength(bytes, at);
  return bytes.readUInt32LE(at) > 0 && length > left && length < MAX_FRAME_BYTES;
}
