import { MAX_VALUE_DEPTH, ValueKind, decodeValue } from '@dataflower/action-runtime/protocol';
import { scanJson } from '@dataflower/common/json';
import { SMALL_BYTES, queryValue } from '../sink/query-value.js';
import type { Value } from '../sink/value.js';
import { bytesOf } from '../sink/value-bytes.js';
import { digestOf } from './value-digest.js';

/** A result as a record keeps it. */
export interface ResultText {
  /** JSON. */
  readonly text: string;
  /** Bytes of the raw result: of JSON its text, of a byte string the bytes, else the encoded value. */
  readonly size: number;
}

/** A record keeps the size and hash alone of a result above this size in bytes, or with byte strings in it. */
export const MAX_RESULT_BYTES = 1024 * 1024;

/** The result of a container whose answer is not JSON: OpenWhisk's text. */
const INVALID = '{"error":"The action did not produce a valid JSON or JSON Array response."}';

/**
 * Makes the text of a result for its record. At once for a small value in memory, the usual case; else a promise, which
 * rejects with the storage's error. The caller holds a reference until then.
 *
 * A large or binary result becomes `{"$value": {"bytes": n, "sha256": hex}}` over its content: of plain JSON the text,
 * of a byte string the bytes, else the encoded value. A malformed value becomes an error text.
 */
export function resultText(value: Value): ResultText | Promise<ResultText> {
  if (value.size > MAX_RESULT_BYTES + 1) return digestOf(value).then(digestText);
  const { bytes } = value;
  if (bytes !== undefined) return textOfBytes(value, bytes);
  if (isPlainJson(value)) return textOfComposite(value);
  return Promise.resolve(bytesOf(value)).then((read) => textOfBytes(value, read));
}

/** The text of a LIST or RECORD that has to be opened and is not small. */
async function largeText(value: Value): Promise<ResultText> {
  const json = await queryValue(value, { get: 'json' });
  if (json === undefined) return { text: INVALID, size: value.size };
  return json.hasBytes ? digestText(await digestOf(value)) : { text: json.text, size: Buffer.byteLength(json.text) };
}

function textOfBytes(value: Value, bytes: Buffer): ResultText | Promise<ResultText> {
  try {
    switch (bytes[0]) {
      case ValueKind.JSON: {
        const text = bytes.toString('utf8', 1);
        return scanJson(text) ? { text, size: bytes.length - 1 } : { text: INVALID, size: bytes.length };
      }
      case ValueKind.LIST:
      case ValueKind.RECORD: {
        if (bytes.length > SMALL_BYTES) return largeText(value);
        const decoded = decodeValue(bytes);
        if (!hasBytes(decoded)) return textOfJson(decoded);
        break;
      }
      case ValueKind.JSON_WITH_BYTES:
      case ValueKind.BYTES:
        break;
      default:
        return { text: INVALID, size: bytes.length };
    }
  } catch {
    return { text: INVALID, size: bytes.length };
  }
  return digestOf(value).then(digestText);
}

/** Composites of JSON in memory need not be opened: their text is joined from the texts of their members. */
function textOfComposite(value: Value): ResultText {
  const text = textOfMember(value, 0);
  return text === undefined ? { text: INVALID, size: value.size } : { text, size: Buffer.byteLength(text) };
}

function textOfMember({ bytes, members }: Value, depth: number): string | undefined {
  if (depth > MAX_VALUE_DEPTH) return undefined;
  if (members === undefined) {
    const text = bytes?.toString('utf8', 1);
    return text !== undefined && scanJson(text) ? text : undefined;
  }
  if (members.kind === 'list') {
    const texts = members.items.map((item) => textOfMember(item, depth + 1));
    return texts.includes(undefined) ? undefined : `[${texts.join(',')}]`;
  }
  // Of members with one name the last counts, as in JSON.
  const texts = new Map(members.entries.map(([name, item]) => [name, textOfMember(item, depth + 1)]));
  const pairs: string[] = [];
  for (const [name, text] of texts) {
    if (text === undefined) return undefined;
    pairs.push(`${JSON.stringify(name)}:${text}`);
  }
  return `{${pairs.join(',')}}`;
}

function textOfJson(json: unknown): ResultText {
  const text = JSON.stringify(json);
  return { text, size: Buffer.byteLength(text) };
}

function digestText({ bytes, sha256 }: { bytes: number; sha256: string }): ResultText {
  return { text: `{"$value":{"bytes":${bytes},"sha256":"${sha256}"}}`, size: bytes };
}

/** True when every member is JSON text in memory. */
function isPlainJson({ bytes, members }: Value): boolean {
  if (members === undefined) return bytes?.[0] === ValueKind.JSON;
  return members.kind === 'list'
    ? members.items.every(isPlainJson)
    : members.entries.every(([, item]) => isPlainJson(item));
}

function hasBytes(decoded: unknown): boolean {
  if (typeof decoded !== 'object' || decoded === null) return false;
  return decoded instanceof Uint8Array || Object.values(decoded).some(hasBytes);
}
