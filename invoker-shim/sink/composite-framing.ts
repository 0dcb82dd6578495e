import { ValueKind } from '@dataflower/action-runtime/protocol';
import type { Members, Value } from './value.js';

/** Size of the header of an encoded LIST or RECORD, in bytes: its kind and the number of its members. */
export const HEADER_BYTES = 5;
/** Size of the length in front of each member, in bytes. */
export const LENGTH_BYTES = 4;
/** Size of the length in front of each name, in bytes. */
const NAME_LENGTH_BYTES = 2;

/** The header of an encoded LIST or RECORD. */
export function compositeHeader(kind: Members['kind'], count: number): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  header[0] = kind === 'list' ? ValueKind.LIST : ValueKind.RECORD;
  header.writeUInt32BE(count, 1);
  return header;
}

/** Name (in a RECORD) and length of a member, with `extra` bytes behind them that the caller writes. */
export function memberHeader(name: string | undefined, length: number, extra = 0): Buffer {
  const nameBytes = name === undefined ? 0 : Buffer.byteLength(name);
  const lengthAt = name === undefined ? 0 : NAME_LENGTH_BYTES + nameBytes;
  const header = Buffer.allocUnsafe(lengthAt + LENGTH_BYTES + extra);
  if (name !== undefined) {
    header.writeUInt16BE(nameBytes);
    header.write(name, NAME_LENGTH_BYTES);
  }
  // A longer member cannot be encoded inline; a hash of the encoding takes the low 32 bits.
  header.writeUInt32BE(length >>> 0, lengthAt);
  return header;
}

/** Size of the LIST in bytes when every item is encoded inline. */
export function listSize(items: readonly { readonly size: number }[]): number {
  let size = HEADER_BYTES;
  for (const item of items) size += LENGTH_BYTES + item.size;
  return size;
}

/** Size of the RECORD in bytes when every value is encoded inline. */
export function recordSize(entries: readonly (readonly [name: string, item: Value])[]): number {
  let size = HEADER_BYTES;
  for (const [name, item] of entries) size += NAME_LENGTH_BYTES + Buffer.byteLength(name) + LENGTH_BYTES + item.size;
  return size;
}
