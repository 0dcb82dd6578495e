import type { ActivationRecord } from '../../records/record.js';
import { decodeFrame, encodeFrame, FRAME_HEADER_BYTES } from '../../records/record-codec.js';

/** Several records, one behind the other. */
export function encodeFrames(records: readonly ActivationRecord[]): Buffer {
  return Buffer.concat(records.map(encodeFrame));
}

/** Throws for what is not records from beginning to end. */
export function decodeFrames(bytes: Buffer): ActivationRecord[] {
  const records = wholeFrames(bytes);
  const rest = bytes.length - encodedBytes(bytes, records.length);
  if (rest > 0) throw new Error(`${rest} bytes behind ${records.length} records are no record`);
  return records;
}

/** The records at the beginning of the bytes; what follows the last whole one is left out. */
export function wholeFrames(bytes: Buffer): ActivationRecord[] {
  const records: ActivationRecord[] = [];
  for (let at = 0; ;) {
    const end = endOfFrame(bytes, at);
    if (end === undefined) return records;
    try {
      records.push(decodeFrame(bytes.subarray(at, end)));
    } catch {
      return records;
    }
    at = end;
  }
}

function encodedBytes(bytes: Buffer, frames: number): number {
  let at = 0;
  for (let frame = 0; frame < frames; frame++) at = endOfFrame(bytes, at)!;
  return at;
}

function endOfFrame(bytes: Buffer, at: number): number | undefined {
  if (at + FRAME_HEADER_BYTES > bytes.length) return undefined;
  const lengths = [0, 4, 8].map((offset) => bytes.readUInt32LE(at + offset));
  const end = at + lengths.reduce((sum, length) => sum + length, FRAME_HEADER_BYTES);
  return end > bytes.length ? undefined : end;
}
