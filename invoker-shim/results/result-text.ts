import { decodeValue } from '@dataflower/action-runtime/protocol';
import { scanJson } from '@dataflower/common/json';
import { SMALL_BYTES, ask } from '../sink/ask.js';
import { bytesOf } from '../sink/bytes-of.js';
import { MAX_DEPTH } from '../sink/value-json.js';
import type { Value } from '../sink/value.js';
import { digestOf } from './value-digest.js';

/** A result as a record keeps it. */
export interface ResultText {
  /** JSON. */
  readonly text: string;
  /** Bytes of the raw result: of JSON its text, of a byte string the bytes, else the encoded value. */
  readonly size: number;
}

/** Above this many bytes, and when there are byte strings in it, a record keeps a result's size and hash alone. */
export const MAX_RESULT_BYTES = 1024 * 1024;

/** First bytes of encoded values (the protocol's document, "Values"). */
const Kind = { JSON: 0, JSON_WITH_BYTES: 1, LIST: 2, RECORD: 3, BYTES: 4 } as const;

/** What a container's answer becomes when it is not JSON: OpenWhisk's text. */
const INVALID = '{"error":"The action did not produce a valid JSON or JSON Array response."}';

/**
 * Makes the text of a result for its record. At once for a small value in memory, the usual case; else a promise, which
 * rejects with the file system's error when a file cannot be read. The caller holds a reference until then.
 *
 * A large or binary result becomes `{"$value": {"bytes": n, "sha256": hex}}` over its content: of plain JSON the text,
 * of a byte string the bytes, else the encoded value. A malformed value becomes an error text.
 */
export function resultText(value: Value): ResultText | Promise<ResultText> {
  const { body } = value;
  if (value.size > MAX_RESULT_BYTES + 1) return digestOf(value).then(digestText);
  if (body.at === 'memory') return textOfBytes(value, body.bytes);
  if (isPlainJson(value)) return textOfParts(value);
  return Promise.resolve(bytesOf(value)).then((bytes) => textOfBytes(value, bytes));
}

/** A value that has to be opened and is not small. */
async function largeText(value: Value): Promise<ResultText> {
  const json = await ask(value, { ask: 'json' });
  if (json === undefined) return { text: INVALID, size: value.size };
  return json.hasBytes ? digestText(await digestOf(value)) : { text: json.text, size: Buffer.byteLength(json.text) };
}

function textOfBytes(value: Value, bytes: Buffer): ResultText | Promise<ResultText> {
  try {
    switch (bytes[0]) {
      case Kind.JSON: {
        const text = bytes.toString('utf8', 1);
        return scanJson(text) ? { text, size: bytes.length - 1 } : { text: INVALID, size: bytes.length };
      }
      case Kind.LIST:
      case Kind.RECORD: {
        if (bytes.length > SMALL_BYTES) return largeText(value);
        const decoded = decodeValue(bytes);
        if (!hasBytes(decoded)) return textOfJson(decoded);
        break;
      }
      case Kind.JSON_WITH_BYTES:
      case Kind.BYTES:
        break;
      default:
        return { text: INVALID, size: bytes.length };
    }
  } catch {
    return { text: INVALID, size: bytes.length };
  }
  return digestOf(value).then(digestText);
}

/** Composites of JSON in memory need not be opened: their text is put together from those of their parts. */
function textOfParts(value: Value): ResultText {
  const text = textOfPart(value, 0);
  return text === undefined ? { text: INVALID, size: value.size } : { text, size: Buffer.byteLength(text) };
}

function textOfPart({ body }: Value, depth: number): string | undefined {
  if (depth > MAX_DEPTH) return undefined;
  switch (body.at) {
    case 'memory': {
      const text = body.bytes.toString('utf8', 1);
      return scanJson(text) ? text : undefined;
    }
    case 'file':
      return undefined;
    case 'list': {
      const texts = body.items.map((item) => textOfPart(item, depth + 1));
      return texts.includes(undefined) ? undefined : `[${texts.join(',')}]`;
    }
    case 'record': {
      // Of members with one name the last counts, as in JSON.
      const texts = new Map(body.entries.map(([name, item]) => [name, textOfPart(item, depth + 1)]));
      const members: string[] = [];
      for (const [name, text] of texts) {
        if (text === undefined) return undefined;
        members.push(`${JSON.stringify(name)}:${text}`);
      }
      return `{${members.join(',')}}`;
    }
  }
}

function textOfJson(json: unknown): ResultText {
  const text = JSON.stringify(json);
  return { text, size: Buffer.byteLength(text) };
}

function digestText({ bytes, sha256 }: { bytes: number; sha256: string }): ResultText {
  return { text: `{"$value":{"bytes":${bytes},"sha256":"${sha256}"}}`, size: bytes };
}

/** True when every part is JSON text in memory. */
function isPlainJson({ body }: Value): boolean {
  switch (body.at) {
    case 'memory':
      return body.bytes[0] === Kind.JSON;
    case 'file':
      return false;
    case 'list':
      return body.items.every(isPlainJson);
    case 'record':
      return body.entries.every(([, item]) => isPlainJson(item));
  }
}

function hasBytes(decoded: unknown): boolean {
  if (typeof decoded !== 'object' || decoded === null) return false;
  return decoded instanceof Uint8Array || Object.values(decoded).some(hasBytes);
}
