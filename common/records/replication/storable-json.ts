import { createHash } from 'node:crypto';

/**
 * Levels of arrays and objects. CouchDB accepts more, but its view server recurses into each document, and a document that
 * it cannot walk stops the index, and with it every listing of every user. OpenWhisk's own parser stops at 1 000.
 */
export const MAX_NESTING = 200;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
/** A number without exponent that is shorter fits a double. */
const LONG_NUMBER = 300;

/**
 * JSON text in a form that CouchDB accepts; the same buffer when it is that already. CouchDB's parser refuses a whole
 * request for a lone surrogate and for a number beyond a double: they become U+FFFD and null, and the text keeps its
 * length. Undefined when the text is nested more than `MAX_NESTING` levels deep. The text must be valid JSON.
 */
export function storableJson(text: Buffer): Buffer | undefined {
  let mended: Buffer | undefined;
  const mend = (at: number, replacement: string): void => {
    mended ??= Buffer.from(text);
    mended.write(replacement, at, 'latin1');
  };
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const byte = text[at]!;
    if (byte === QUOTE) {
      at = endOfString(text, at + 1, mend);
    } else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > MAX_NESTING) return undefined;
    } else if (byte === 0x5d || byte === 0x7d) {
      depth--;
    } else if (isDigit(byte) || byte === 0x2d) {
      const end = endOfNumber(text, at + 1);
      if (isBeyondDouble(text, at, end)) mend(at, 'null'.padEnd(end - at));
      at = end - 1;
    }
  }
  return mended ?? text;
}

/** The replacement of a result: `{"$value":{"bytes":n,"sha256":hex}}`. */
export function sizeAndHash(result: Buffer): Buffer {
  const sha256 = createHash('sha256').update(result).digest('hex');
  return Buffer.from(`{"$value":{"bytes":${result.length},"sha256":"${sha256}"}}`);
}

/** The offset of the closing quote. Calls `mend` with the offset of the digits of each lone surrogate. */
function endOfString(text: Buffer, from: number, mend: (at: number, replacement: string) => void): number {
  let at = from;
  for (; at < text.length && text[at] !== QUOTE; at++) {
    if (text[at] !== BACKSLASH) continue;
    at++;
    const unit = surrogateAt(text, at);
    if (unit === undefined) continue;
    const next = unit < 0xdc00 && text[at + 5] === BACKSLASH ? surrogateAt(text, at + 6) : undefined;
    if (next !== undefined && next >= 0xdc00) at += 10;
    else mend(at + 1, 'fffd');
  }
  return at;
}

/** The code unit of the `uXXXX` at that offset, if it is a surrogate. */
function surrogateAt(text: Buffer, at: number): number | undefined {
  if (text[at] !== 0x75 || (text[at + 1]! | SPACE) !== 0x64) return undefined;
  const unit = Number.parseInt(text.toString('latin1', at + 1, at + 5), 16);
  return unit >= 0xd800 ? unit : undefined;
}

function endOfNumber(text: Buffer, from: number): number {
  let at = from;
  while (at < text.length && (isDigit(text[at]!) || '+-.eE'.includes(String.fromCharCode(text[at]!)))) at++;
  return at;
}

function isBeyondDouble(text: Buffer, from: number, end: number): boolean {
  // `1e309` is the shortest.
  if (end - from < 5) return false;
  const number = text.toString('latin1', from, end);
  return (end - from >= LONG_NUMBER || /e/i.test(number)) && !Number.isFinite(Number(number));
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}
