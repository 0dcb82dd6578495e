import { type ActivationRecord, decodeFrame, encodeFrame, FRAME_HEADER_BYTES } from '@dataflower/common/records';
import { FailureText } from '../../containers/failures.js';
import { MAX_FRAME_BYTES } from '../wire/frame.js';

/** Bytes of a message that are kept for everything but the record. */
const ROOM_BYTES = 1024;
/** Part of the logs that goes into a message when they are too long for it, in bytes of JSON. */
const CUT_LOG_BYTES = 8 * 1024 * 1024;

/**
 * Encodes a record for a message that has `besideBytes` bytes beside it. Logs are bounded as text, and may be several times
 * as long as JSON, where each control character takes six bytes: of logs that do not fit, the beginning is sent.
 */
export function encodeRecord(record: ActivationRecord, besideBytes = 0): Buffer {
  const frame = encodeFrame(record);
  if (frame.length + besideBytes + ROOM_BYTES <= MAX_FRAME_BYTES) return frame;
  let bytes = 0;
  const kept = record.logs.findIndex((line) => (bytes += Buffer.byteLength(JSON.stringify(line))) > CUT_LOG_BYTES);
  const logs = [...record.logs.slice(0, Math.max(0, kept)), FailureText.logsTruncated(CUT_LOG_BYTES)];
  return encodeFrame({ ...record, logs });
}

/**
 * ANSWER: the record (`encodeRecord`), then the caller's result where that differs from the record's. The
 * head is the length of the record, and 1 where ENDED will follow.
 */
export function encodeAnswer(
  record: ActivationRecord,
  result: string,
  goesOn: boolean,
): { head: string; body: Buffer } {
  const more = result === record.result ? undefined : Buffer.from(result);
  const frame = encodeRecord(record, more?.length);
  const body = more === undefined ? frame : Buffer.concat([frame, more]);
  return { head: `[${frame.length},${goesOn ? 1 : 0}]`, body };
}

/** The reverse of `encodeAnswer`. */
export function decodeAnswer(
  head: string,
  body: Buffer,
): { record: ActivationRecord; result: string; goesOn: boolean } {
  const [length, goesOn] = JSON.parse(head) as [number, 0 | 1];
  const record = decodeFrame(body.subarray(0, length));
  const result = body.length === length ? record.result : body.toString('utf8', length);
  return { record, result, goesOn: goesOn === 1 };
}

/** Several records, one behind the other; they must fit into one message. */
export function encodeRecords(records: readonly ActivationRecord[]): Buffer {
  return Buffer.concat(records.map(encodeFrame));
}

export function decodeRecords(bytes: Buffer): ActivationRecord[] {
  const records: ActivationRecord[] = [];
  for (let at = 0; at < bytes.length;) {
    const lengths = [0, 4, 8].map((offset) => bytes.readUInt32LE(at + offset));
    const end = at + lengths.reduce((sum, length) => sum + length, FRAME_HEADER_BYTES);
    records.push(decodeFrame(bytes.subarray(at, end)));
    at = end;
  }
  return records;
}
