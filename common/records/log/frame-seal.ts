import { crc32 } from '@dataflower/action-runtime/crc32';
import { FRAME_HEADER_BYTES } from '../record/record-codec.js';

/**
 * In front of each frame in a segment: a mark (4), a check over the fields behind it (4), the CRC-32 of the frame's
 * lengths and head (4) and that of its result and logs (4), little endian. So a reader tells a whole frame from a damaged
 * one, and finds the next frame behind damage. A short frame, which a listing reads as a whole, has one sum over
 * everything, and 0.
 */
export const SEAL_BYTES = 16;
/** The longest frame with one sum. */
const ONE_SUM_BYTES = 4080;

/** Contents of a sealed frame. */
export type FrameKind = 'record' | 'note';

/** UTF-8 text never contains the first byte, so that no data of a user looks like a frame. */
export const MARK_BEGIN = Buffer.from([0xff, 0xfe]);
const RECORD_MARK = Buffer.from([...MARK_BEGIN, 0x52, 0x32]).readUInt32LE();
const NOTE_MARK = Buffer.from([...MARK_BEGIN, 0x4e, 0x32]).readUInt32LE();

const SEALED_HEADER_BYTES = SEAL_BYTES + FRAME_HEADER_BYTES;

/** Writes the seal at `at` for the frame behind it, up to `end`. */
export function seal(bytes: Buffer, at: number, end: number, kind: FrameKind): void {
  const frame = at + SEAL_BYTES;
  const firstEnd = firstSumEnd(bytes, frame, end - frame);
  bytes.writeUInt32LE(kind === 'record' ? RECORD_MARK : NOTE_MARK, at);
  bytes.writeUInt32LE(crc32(bytes.subarray(frame, firstEnd)), at + 8);
  bytes.writeUInt32LE(firstEnd === end ? 0 : crc32(bytes.subarray(firstEnd, end)), at + 12);
  bytes.writeUInt32LE(checkOf(bytes, at), at + 4);
}

/** The kind of the frame whose sealed header begins at `at`; undefined when there is no whole header. */
export function sealedKind(bytes: Buffer, at: number): FrameKind | undefined {
  if (at < 0 || at + SEALED_HEADER_BYTES > bytes.length) return undefined;
  const mark = bytes.readUInt32LE(at);
  if (mark !== RECORD_MARK && mark !== NOTE_MARK) return undefined;
  if (bytes.readUInt32LE(at + 4) !== checkOf(bytes, at)) return undefined;
  return mark === RECORD_MARK ? 'record' : 'note';
}

/** Length of the frame behind a seal, without the seal. */
export function sealedLength(bytes: Buffer, at: number): number {
  return frameLength(bytes, at + SEAL_BYTES);
}

/** Length of the frame that begins at `frame`, as its header says. */
export function frameLength(bytes: Buffer, frame: number): number {
  return FRAME_HEADER_BYTES + bytes.readUInt32LE(frame) + bytes.readUInt32LE(frame + 4) + bytes.readUInt32LE(frame + 8);
}

/** The sums of a frame: of its lengths and head, and of its result and logs. */
export type FrameSums = readonly [first: number, second: number];

/** The sums in a seal. */
export function sumsOfSeal(bytes: Buffer, at: number): FrameSums {
  return [bytes.readUInt32LE(at + 8), bytes.readUInt32LE(at + 12)];
}

/** The sums of a whole frame in `bytes`. */
export function sumsOfFrame(bytes: Buffer, frame: number, length: number): FrameSums {
  const firstEnd = firstSumEnd(bytes, frame, length);
  const end = frame + length;
  return [crc32(bytes.subarray(frame, firstEnd)), firstEnd === end ? 0 : crc32(bytes.subarray(firstEnd, end))];
}

/** True when the frame of this length has these sums; `brief`: checks only the first sum. */
export function isWhole(bytes: Buffer, frame: number, length: number, sums: FrameSums, brief = false): boolean {
  if (frame + FRAME_HEADER_BYTES > bytes.length || frameLength(bytes, frame) !== length) return false;
  const firstEnd = firstSumEnd(bytes, frame, length);
  if (firstEnd > bytes.length || crc32(bytes.subarray(frame, firstEnd)) !== sums[0]) return false;
  if (brief) return true;
  const end = frame + length;
  return end <= bytes.length && (firstEnd === end ? 0 : crc32(bytes.subarray(firstEnd, end))) === sums[1];
}

function firstSumEnd(bytes: Buffer, frame: number, length: number): number {
  return frame + (length <= ONE_SUM_BYTES ? length : FRAME_HEADER_BYTES + bytes.readUInt32LE(frame));
}

/** A check over the mark, the sums and the lengths. Any change of one of them changes it. */
function checkOf(bytes: Buffer, at: number): number {
  let check = mixed(0, bytes.readUInt32LE(at));
  check = mixed(check, bytes.readUInt32LE(at + 8));
  check = mixed(check, bytes.readUInt32LE(at + 12));
  check = mixed(check, bytes.readUInt32LE(at + 16));
  check = mixed(check, bytes.readUInt32LE(at + 20));
  return mixed(check, bytes.readUInt32LE(at + 24)) >>> 0;
}

/** A bijection in each of its arguments. */
function mixed(check: number, word: number): number {
  const product = Math.imul(check ^ word, 0x9e3779b1);
  return product ^ (product >>> 15);
}
