import { FrameType, encodeFrame } from './frame.js';
import { PayloadReader } from './slot.js';

/** In LOG: the log limit is reached, no further line of this invocation comes. */
export const FLAG_TRUNCATED = 2;
/** In LOG: the line continues in the next LOG of its invocation and stream. */
export const FLAG_PARTIAL = 32;

/** Bytes of a log line in a record beside its text: time (30), stream (9), quotes and comma (3). */
export const LOG_LINE_BYTES = 42;

/** A line of a function's log, or a part of a long one. */
export interface LogLine {
  readonly invocationId: number;
  readonly stream: 'stdout' | 'stderr';
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly text: string;
  readonly truncated: boolean;
  /** True when the line continues in the next one of this stream. */
  readonly partial?: boolean;
}

export function encodeLog(line: LogLine): Buffer {
  const text = Buffer.from(line.text);
  const payload = Buffer.allocUnsafe(9 + text.length);
  payload[0] = line.stream === 'stdout' ? 0 : 1;
  payload.writeDoubleBE(line.time, 1);
  payload.set(text, 9);
  const flags = (line.truncated ? FLAG_TRUNCATED : 0) | (line.partial === true ? FLAG_PARTIAL : 0);
  return encodeFrame(FrameType.LOG, flags, line.invocationId, payload);
}

export function decodeLog(flags: number, id: number, payload: Buffer): LogLine {
  const reader = new PayloadReader(payload);
  const stream = reader.u8() === 0 ? 'stdout' : 'stderr';
  return {
    invocationId: id,
    stream,
    time: reader.f64(),
    text: reader.rest().toString(),
    truncated: (flags & FLAG_TRUNCATED) !== 0,
    partial: (flags & FLAG_PARTIAL) !== 0,
  };
}

/** The largest index up to `end` that does not split a surrogate pair, for cutting a text. */
export function wholeCharacters(text: string, end: number): number {
  const code = text.charCodeAt(end);
  return code >= 0xdc00 && code <= 0xdfff ? end - 1 : end;
}

/** Hexadecimal digits of an invocation id in an end mark. */
const ID_CHARS = 8;

/** Longest end mark, in characters: a reader that splits lines keeps at least this much of a line's end in one part. */
export const END_MARK_TAIL = 64;

/**
 * The end mark of an invocation, which ends its output on a stream.
 *
 * @param key `endMark` of WELCOME: 32 random hexadecimal digits, so that no other text can be a mark.
 */
export function endMark(key: string, invocationId: number): string {
  return `${key} ${invocationId.toString(16).padStart(ID_CHARS, '0')}\n`;
}

/** The id in the end mark at the end of a line, 0 without a mark. `before` is the text before it: a line without a line break. */
export function endMarkId(key: string, line: string): { id: number; before: string } {
  const at = line.length - key.length - 1 - ID_CHARS;
  if (at < 0 || !line.startsWith(`${key} `, at)) return { id: 0, before: line };
  const digits = line.slice(-ID_CHARS);
  const id = /^[0-9a-f]+$/.test(digits) ? Number.parseInt(digits, 16) : 0;
  return { id, before: id === 0 ? line : line.slice(0, at) };
}
