import type { ActivationRecord } from '../../records/record.js';
import { decodeFrame, encodeFrame } from '../../records/record-codec.js';

/**
 * ANSWER: the record as it is in the segment files, then the caller's result where that differs from the record's. The
 * head is the length of the record.
 */
export function encodeAnswer(record: ActivationRecord, result: string): { head: string; body: Buffer } {
  const frame = encodeFrame(record);
  const body = result === record.result ? frame : Buffer.concat([frame, Buffer.from(result)]);
  return { head: String(frame.length), body };
}

/** The reverse of `encodeAnswer`. */
export function decodeAnswer(head: string, body: Buffer): { record: ActivationRecord; result: string } {
  const length = Number(head);
  const record = decodeFrame(body.subarray(0, length));
  return { record, result: body.length === length ? record.result : body.toString('utf8', length) };
}
