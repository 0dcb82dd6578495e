import { crc32 } from '@dataflower/action-runtime/crc32';
import { type ColumnName, SegmentIndex } from './segment-index.js';

/**
 * The index of a segment as a file beside it: magic, CRC-32 of the rest, length of the segment (8), rows (4), bytes of
 * the text (4), 1 when there are sums (4), the strings and the offsets of the notes as JSON, padding to 8, then the
 * columns, the sums last. It only saves time: when it is missing or invalid, the segment is scanned.
 */
const MAGIC = Buffer.from('DFRIDX2\n');
const HEADER_BYTES = 32;

const COLUMNS: readonly (readonly [name: ColumnName, wordsPerRow: number])[] = [
  ['starts', 2],
  ['ids', 4],
  ['offsets', 1],
  ['lengths', 1],
  ['namespaces', 1],
  ['names', 1],
];
/** Words of the sums per row. */
const SUM_WORDS = 2;
const WORDS_PER_ROW = COLUMNS.reduce((sum, [, words]) => sum + words, 0);

/** A saved index, and the offsets of the notes that were open then. */
export interface SavedIndex {
  readonly index: SegmentIndex;
  readonly notes: readonly number[];
}

export function encodeSidecar(index: SegmentIndex, notes: readonly number[], segmentLength: number): Buffer {
  const text = Buffer.from(JSON.stringify([index.strings, notes]));
  const columnsAt = align(HEADER_BYTES + text.length);
  const words = WORDS_PER_ROW + (index.sums === undefined ? 0 : SUM_WORDS);
  const out = Buffer.alloc(columnsAt + index.count * words * 4);
  MAGIC.copy(out);
  out.writeBigUInt64LE(BigInt(segmentLength), 12);
  out.writeUInt32LE(index.count, 20);
  out.writeUInt32LE(text.length, 24);
  out.writeUInt32LE(index.sums === undefined ? 0 : 1, 28);
  text.copy(out, HEADER_BYTES);
  let at = columnsAt;
  const put = (column: Uint32Array | Float64Array, bytes: number): void => {
    out.set(new Uint8Array(column.buffer, column.byteOffset, bytes), at);
    at += bytes;
  };
  for (const [name, wordsPerRow] of COLUMNS) put(index[name], index.count * wordsPerRow * 4);
  if (index.sums !== undefined) put(index.sums, index.count * SUM_WORDS * 4);
  out.writeUInt32LE(crc32(out.subarray(12)), 8);
  return out;
}

/** Undefined when the bytes are no index of a segment with this length. */
export function decodeSidecar(bytes: Buffer, segmentLength: number): SavedIndex | undefined {
  if (bytes.length < HEADER_BYTES || !bytes.subarray(0, 8).equals(MAGIC)) return undefined;
  if (bytes.readUInt32LE(8) !== crc32(bytes.subarray(12))) return undefined;
  if (Number(bytes.readBigUInt64LE(12)) !== segmentLength) return undefined;
  const count = bytes.readUInt32LE(20);
  const textBytes = bytes.readUInt32LE(24);
  const sumWords = bytes.readUInt32LE(28) === 0 ? 0 : SUM_WORDS;
  let at = align(HEADER_BYTES + textBytes);
  if (bytes.length !== at + count * (WORDS_PER_ROW + sumWords) * 4) return undefined;
  const text = bytes.toString('utf8', HEADER_BYTES, HEADER_BYTES + textBytes);
  const [strings, notes] = JSON.parse(text) as [string[], number[]];
  // Copied, since a typed array needs alignment.
  const take = (words: number): ArrayBufferLike => {
    const size = count * words * 4;
    at += size;
    return new Uint8Array(bytes.subarray(at - size, at)).buffer;
  };
  const columns: Record<string, Uint32Array | Float64Array> = {};
  for (const [name, words] of COLUMNS) {
    columns[name] = name === 'starts' ? new Float64Array(take(words)) : new Uint32Array(take(words));
  }
  const sums = sumWords === 0 ? undefined : new Uint32Array(take(sumWords));
  const index = new SegmentIndex();
  index.restore({ count, strings, sums, ...(columns as Pick<SegmentIndex, ColumnName>) });
  return { index, notes };
}

function align(bytes: number): number {
  return (bytes + 7) & ~7;
}
