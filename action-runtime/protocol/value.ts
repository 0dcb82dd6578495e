import { ProtocolError } from './errors.js';
import { Shape, shapeOfJson } from './shape.js';

/**
 * First byte of an encoded value (PROTOCOL.md, "Values"). To the agent a value is opaque; it only builds LIST and RECORD
 * from values that it holds.
 */
export const ValueKind = {
  /** UTF-8 JSON text. */
  JSON: 0,
  /** JSON text in which `{"<marker>": i}` stands for the i-th byte string that follows it. */
  JSON_WITH_BYTES: 1,
  /** Encoded values, each with its length. */
  LIST: 2,
  /** Names with encoded values, each with its length. */
  RECORD: 3,
  /** One byte string. */
  BYTES: 4,
} as const;

/** Length of an item in LIST and RECORD that is in another slot of the message; the slot's number is the next four bytes. */
export const EXTERNAL = 0xffffffff;

/** Deepest nesting of LIST and RECORD. */
export const MAX_VALUE_DEPTH = 64;

/** Byte strings of at least this many bytes keep their own memory in an encoded value instead of being copied. */
const OWN_SEGMENT_BYTES = 16 * 1024;

/** An encoded value: its bytes as consecutive segments. */
export interface EncodedValue {
  readonly segments: Uint8Array[];
  readonly size: number;
  /** Shape of its JSON. */
  readonly shape: number;
  /** True when the value has no JSON (a function, a symbol, `undefined`, or a `toJSON` that returns one); it is encoded as `null`. */
  readonly absent?: true;
}

let collected: Uint8Array[] | undefined;
let marker = '';
let markerBase = '';
let markerCount = 0;

const { stringify } = JSON;
const bufferToJson = (Buffer.prototype as { toJSON: (this: Buffer) => unknown }).toJSON;
/**
 * `JSON.stringify` calls `toJSON` of every Buffer, which collects the Buffers of a value without another traversal. Outside
 * `encodeValue` it behaves as Node's.
 */
Object.defineProperty(Buffer.prototype, 'toJSON', {
  configurable: true,
  writable: true,
  enumerable: false,
  value: function toJSON(this: Buffer): unknown {
    if (collected === undefined) return bufferToJson.call(this);
    collected.push(this);
    return { [marker]: collected.length - 1 };
  },
});

function nextMarker(): string {
  if (markerBase === '' || markerCount === 1e6) {
    markerBase = `\u0001${Math.random().toString(36).slice(2)}${Math.random().toString(36).slice(2)}.`;
    markerCount = 0;
  }
  return `${markerBase}${markerCount++}`;
}

/**
 * Encodes a value. Functions and `undefined` are omitted as in JSON; a value that is itself `undefined` becomes `null`.
 * @param onBytes Called with every byte string of the value.
 * @throws the errors of `JSON.stringify` (cycles, BigInt, a failing `toJSON`) and of `onBytes`
 */
export function encodeValue(value: unknown, onBytes?: (bytes: Uint8Array) => void): EncodedValue {
  if (ArrayBuffer.isView(value) && value instanceof Uint8Array) {
    onBytes?.(value);
    return { segments: [Buffer.of(ValueKind.BYTES), value], size: 1 + value.length, shape: Shape.TRUTHY };
  }
  const outer = collected;
  const outerMarker = marker;
  const bytes: Uint8Array[] = [];
  collected = bytes;
  marker = nextMarker();
  let text: string | undefined;
  const usedMarker = marker;
  try {
    text = JSON.stringify(value);
  } finally {
    collected = outer;
    marker = outerMarker;
  }
  if (text === undefined) return { ...jsonValue('null', 0), absent: true };
  if (onBytes !== undefined) for (const item of bytes) onBytes(item);
  // A library may have replaced JSON.stringify: write its text again in the form that `shapeOfJson` requires.
  if (JSON.stringify !== stringify) text = stringify(JSON.parse(text));
  const shape = shapeOfJson(text);
  return bytes.length === 0 ? jsonValue(text, shape) : jsonWithBytes(usedMarker, text, bytes, shape);
}

/** The bytes of an encoded value as one Buffer. */
export function bytesOf({ segments }: EncodedValue): Buffer {
  return segments.length === 1 ? (segments[0] as Buffer) : Buffer.concat(segments);
}

function jsonValue(text: string, shape: number): EncodedValue {
  const size = 1 + Buffer.byteLength(text);
  const segment = Buffer.allocUnsafe(size);
  segment[0] = ValueKind.JSON;
  segment.write(text, 1);
  return { segments: [segment], size, shape };
}

function jsonWithBytes(key: string, text: string, bytes: Uint8Array[], shape: number): EncodedValue {
  const keyBytes = Buffer.from(key);
  const textBytes = Buffer.from(text);
  const head = Buffer.allocUnsafe(1 + 2 + keyBytes.length + 4 + 4 * bytes.length + 4);
  head[0] = ValueKind.JSON_WITH_BYTES;
  let at = head.writeUInt16BE(keyBytes.length, 1);
  head.set(keyBytes, at);
  at = head.writeUInt32BE(bytes.length, at + keyBytes.length);
  for (const item of bytes) at = head.writeUInt32BE(item.length, at);
  head.writeUInt32BE(textBytes.length, at);
  const segments: Uint8Array[] = [];
  let small: Uint8Array[] = [head, textBytes];
  let size = head.length + textBytes.length;
  for (const item of bytes) {
    size += item.length;
    if (item.length < OWN_SEGMENT_BYTES) {
      small.push(item);
    } else {
      if (small.length > 0) segments.push(Buffer.concat(small));
      small = [];
      segments.push(item);
    }
  }
  if (small.length > 0) segments.push(Buffer.concat(small));
  return { segments, size, shape };
}

/** Form of byte strings in a decoded value: Buffers over the encoded memory, or base64 text (for JSON). */
export type BytesAs = 'buffer' | 'base64';

/**
 * Decodes a value.
 * @param slots The slots of the message, to which EXTERNAL items refer.
 * @throws ProtocolError MALFORMED_VALUE or VALUE_TOO_DEEP for malformed bytes
 */
export function decodeValue(bytes: Buffer, slots: readonly Buffer[] = [], bytesAs: BytesAs = 'buffer'): unknown {
  try {
    return decode(bytes, slots, bytesAs, 0);
  } catch (error) {
    if (ProtocolError.is(error)) throw error;
    throw new ProtocolError('MALFORMED_VALUE', error instanceof Error ? error.message : 'not a value', {
      cause: error,
    });
  }
}

function decode(bytes: Buffer, slots: readonly Buffer[], bytesAs: BytesAs, depth: number): unknown {
  if (depth > MAX_VALUE_DEPTH) throw new ProtocolError('VALUE_TOO_DEEP', `nested deeper than ${MAX_VALUE_DEPTH}`);
  switch (bytes[0]) {
    case ValueKind.JSON:
      return JSON.parse(bytes.toString('utf8', 1)) as unknown;
    case ValueKind.BYTES:
      return asBytes(bytes.subarray(1), bytesAs);
    case ValueKind.JSON_WITH_BYTES:
      return decodeJsonWithBytes(bytes, bytesAs);
    case ValueKind.LIST: {
      const list: unknown[] = [];
      eachItem(bytes, false, slots, (item) => list.push(decode(item, slots, bytesAs, depth + 1)));
      return list;
    }
    case ValueKind.RECORD: {
      const record: Record<string, unknown> = {};
      eachItem(bytes, true, slots, (item, name) => define(record, name, decode(item, slots, bytesAs, depth + 1)));
      return record;
    }
    default:
      throw new ProtocolError('MALFORMED_VALUE', `unknown value kind ${bytes[0]}`);
  }
}

function asBytes(bytes: Buffer, bytesAs: BytesAs): Buffer | string {
  return bytesAs === 'buffer' ? bytes : bytes.toString('base64');
}

/** Defines a member as JSON.parse does, also `__proto__`. */
function define(record: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__')
    Object.defineProperty(record, name, { value, enumerable: true, configurable: true, writable: true });
  else record[name] = value;
}

function eachItem(
  bytes: Buffer,
  named: boolean,
  slots: readonly Buffer[],
  visit: (item: Buffer, name: string) => void,
): void {
  const count = bytes.readUInt32BE(1);
  let at = 5;
  for (let i = 0; i < count; i++) {
    let name = '';
    if (named) {
      const length = bytes.readUInt16BE(at);
      name = bytes.toString('utf8', at + 2, at + 2 + length);
      at += 2 + length;
    }
    const length = bytes.readUInt32BE(at);
    at += 4;
    if (length === EXTERNAL) {
      const slot = slots[bytes.readUInt32BE(at)];
      if (slot === undefined) throw new ProtocolError('MALFORMED_VALUE', 'an item refers to a slot that is not there');
      at += 4;
      visit(slot, name);
    } else {
      if (at + length > bytes.length) throw new ProtocolError('MALFORMED_VALUE', 'an item is longer than its value');
      visit(bytes.subarray(at, at + length), name);
      at += length;
    }
  }
  if (at !== bytes.length) throw new ProtocolError('MALFORMED_VALUE', 'bytes after the last item');
}

function decodeJsonWithBytes(bytes: Buffer, bytesAs: BytesAs): unknown {
  const keyLength = bytes.readUInt16BE(1);
  const key = bytes.toString('utf8', 3, 3 + keyLength);
  let at = 3 + keyLength;
  const count = bytes.readUInt32BE(at);
  at += 4;
  const lengthsAt = at;
  at += 4 * count;
  const textLength = bytes.readUInt32BE(at);
  at += 4;
  const text = bytes.toString('utf8', at, at + textLength);
  at += textLength;
  const items: (Buffer | string)[] = [];
  for (let i = 0; i < count; i++) {
    const length = bytes.readUInt32BE(lengthsAt + 4 * i);
    if (at + length > bytes.length)
      throw new ProtocolError('MALFORMED_VALUE', 'a byte string is longer than its value');
    items.push(asBytes(bytes.subarray(at, at + length), bytesAs));
    at += length;
  }
  if (at !== bytes.length) throw new ProtocolError('MALFORMED_VALUE', 'bytes after the last byte string');
  return JSON.parse(text, (_, member: unknown) => {
    if (typeof member !== 'object' || member === null || !Object.hasOwn(member, key)) return member;
    const item = items[(member as Record<string, number>)[key]!];
    if (item === undefined) throw new ProtocolError('MALFORMED_VALUE', 'a byte string is missing');
    return item;
  });
}

/** An item of a LIST or RECORD: its bytes, or the number of a slot of the same message. */
export type CompositeItem = Buffer | number;

/** Encodes a LIST of encoded values. */
export function encodeList(items: readonly CompositeItem[]): Buffer {
  let size = 5;
  for (const item of items) size += typeof item === 'number' ? 8 : 4 + item.length;
  const out = Buffer.allocUnsafe(size);
  out[0] = ValueKind.LIST;
  let at = out.writeUInt32BE(items.length, 1);
  for (const item of items) at = writeItem(out, at, item);
  return out;
}

/** Encodes a RECORD of encoded values. Names have at most 65,535 bytes. */
export function encodeRecord(entries: readonly (readonly [name: string, item: CompositeItem])[]): Buffer {
  let size = 5;
  for (const [name, item] of entries)
    size += 2 + Buffer.byteLength(name) + (typeof item === 'number' ? 8 : 4 + item.length);
  const out = Buffer.allocUnsafe(size);
  out[0] = ValueKind.RECORD;
  let at = out.writeUInt32BE(entries.length, 1);
  for (const [name, item] of entries) {
    const length = out.write(name, at + 2);
    out.writeUInt16BE(length, at);
    at = writeItem(out, at + 2 + length, item);
  }
  return out;
}

function writeItem(out: Buffer, at: number, item: CompositeItem): number {
  if (typeof item === 'number') return out.writeUInt32BE(item, out.writeUInt32BE(EXTERNAL, at));
  at = out.writeUInt32BE(item.length, at);
  out.set(item, at);
  return at + item.length;
}
