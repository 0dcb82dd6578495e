import { MARK_BEGIN, SEAL_BYTES, isWhole, sealedKind, sealedLength, sumsOfSeal } from './frame-seal.js';
import { scanBatches } from './batch-scan.js';
import { type Scanned, isUnwritten, startsWith, BATCH_MAGIC, SEGMENT_MAGIC } from './segment.js';
import { FRAME_HEADER_BYTES } from '../record/record-codec.js';

/** The format of a segment: frames with a seal each, or in batches as releases until 0.1 wrote them. */
export type SegmentForm = 'sealed' | 'batches';

/** The format of a segment; when its first bytes are damaged, the format in which frames are found. */
export function formOf(bytes: Buffer): SegmentForm {
  if (startsWith(bytes, SEGMENT_MAGIC)) return 'sealed';
  if (startsWith(bytes, BATCH_MAGIC)) return 'batches';
  for (const { kind } of scanSealed(bytes)) if (kind !== 'damage') return 'sealed';
  for (const { kind } of scanBatches(bytes)) if (kind !== 'damage') return 'batches';
  return 'sealed';
}

/** The contents of a segment in order: every whole frame, and the damage between them. Never throws. */
export function scanSegment(bytes: Buffer, form: SegmentForm): Iterable<Scanned> {
  return form === 'sealed' ? scanSealed(bytes) : scanBatches(bytes);
}

function* scanSealed(bytes: Buffer): Generator<Scanned> {
  const whole = startsWith(bytes, SEGMENT_MAGIC);
  /** The end of the last frame or damage. */
  let done = whole ? SEGMENT_MAGIC.length : 0;
  for (let at = done; at < bytes.length;) {
    const kind = sealedKind(bytes, at);
    const length = kind === undefined ? 0 : sealedLength(bytes, at);
    const offset = at + SEAL_BYTES;
    if (
      kind !== undefined &&
      offset + length <= bytes.length &&
      isWhole(bytes, offset, length, sumsOfSeal(bytes, at))
    ) {
      if (at > done) yield { kind: 'damage', from: done, to: at, torn: false };
      yield { kind, offset, length };
      done = at = offset + length;
      continue;
    }
    const next = bytes.indexOf(MARK_BEGIN, at + 1);
    at = next < 0 ? bytes.length : next;
  }
  if (done < bytes.length) yield { kind: 'damage', from: done, to: bytes.length, torn: isTornTail(bytes, done) };
}

/** A write that a crash interrupts leaves a prefix of its bytes, or allocated bytes without content. */
function isTornTail(bytes: Buffer, from: number): boolean {
  if (isUnwritten(bytes, from, SEGMENT_MAGIC)) return true;
  if (from < SEGMENT_MAGIC.length) return false;
  const left = bytes.subarray(from);
  if (left.length < SEAL_BYTES + FRAME_HEADER_BYTES) return startsWith(MARK_BEGIN, left.subarray(0, MARK_BEGIN.length));
  // A whole header gives the length that the frame would have had.
  return sealedKind(left, 0) !== undefined && SEAL_BYTES + sealedLength(left, 0) > left.length;
}
