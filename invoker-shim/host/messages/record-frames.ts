import type { ActivationRecord } from '@dataflower/common/records';
import { decodeFrame, encodeFrame, FRAME_HEADER_BYTES } from '@dataflower/common/records';

/** Several records, one behind the other. */
export function encodeFrames(records: readonly ActivationRecord[]): Buffer {
  return Buffer.concat(records.map(encodeFrame));
}

export function decodeFrames(bytes: Buffer): ActivationRecord[] {
  const records: ActivationRecord[] = [];
  for (let at = 0; at < bytes.length;) {
    const lengths = [0, 4, 8].map((offset) => bytes.readUInt32LE(at + offset));
    const end = at + lengths.reduce((sum, length) => sum + length, FRAME_HEADER_BYTES);
    records.push(decodeFrame(bytes.subarray(at, end)));
    at = end;
  }
  return records;
}
