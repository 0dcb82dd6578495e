import { crc32 } from './crc32.js';
import { type ColumnName, SegmentIndex } from './segment-index.js';

/**
 * The index of a segment as a file beside it: magic, CRC-32 of the rest, length of the segment (8), rows (4), bytes of
 * the strings (4), the strings as JSON, padding to 8, then the columns. It only saves time: without it, or when
 * anything about it is wrong, the segment is scanned.
 */
const MAGIC = Buffer.from('DFRIDX1\n');
const HEADER_BYTES = 32;

const COLUMNS: readonly (readonly [name: ColumnName, wordsPerRow: number])[] = [
  ['starts', 2],
  ['ids', 4],
  ['offsets', 1],
  ['lengths', 1],
  ['namespaces', 1],
  ['names', 1],
];
const WORDS_PER_ROW = COLUMNS.reduce((sum, [, words]) => sum + words, 0);

export function encodeSidecar(index: SegmentIndex, segmentLength: number): Buffer {
  const strings = Buffer.from(JSON.stringify(index.strings));
  const columnsAt = align(HEADER_BYTES + strings.length);
  const out = Buffer.alloc(columnsAt + index.count * WORDS_PER_ROW * 4);
  MAGIC.copy(out);
  out.writeBigUInt64LE(BigInt(segmentLength), 12);
  out.writeUInt32LE(index.count, 20);
  out.writeUInt32LE(strings.length, 24);
  strings.copy(out, HEADER_BYTES);
  let at = columnsAt;
  for (const [name, words] of COLUMNS) {
    const column = index[name];
    const bytes = index.count * words * 4;
    out.set(new Uint8Array(column.buffer, column.byteOffset, bytes), at);
    at += bytes;
  }
  out.writeUInt32LE(crc32(out.subarray(12)), 8);
  return out;
}

/** The index, if these bytes are that of a segment with this length; else undefined. */
export function decodeSidecar(bytes: Buffer, segmentLength: number): SegmentIndex | undefined {
  if (bytes.length < HEADER_BYTES || !bytes.subarray(0, 8).equals(MAGIC)) return undefined;
  if (bytes.readUInt32LE(8) !== crc32(bytes.subarray(12))) return undefined;
  if (Number(bytes.readBigUInt64LE(12)) !== segmentLength) return undefined;
  const count = bytes.readUInt32LE(20);
  const stringBytes = bytes.readUInt32LE(24);
  let at = align(HEADER_BYTES + stringBytes);
  if (bytes.length !== at + count * WORDS_PER_ROW * 4) return undefined;
  const strings = JSON.parse(bytes.toString('utf8', HEADER_BYTES, HEADER_BYTES + stringBytes)) as string[];
  const columns: Record<string, Uint32Array | Float64Array> = {};
  for (const [name, words] of COLUMNS) {
    const size = count * words * 4;
    // A copy of its own, aligned as the typed array wants it.
    const memory = new Uint8Array(bytes.subarray(at, at + size)).buffer;
    columns[name] = name === 'starts' ? new Float64Array(memory) : new Uint32Array(memory);
    at += size;
  }
  const index = new SegmentIndex();
  index.restore({ count, strings, ...(columns as Pick<SegmentIndex, ColumnName>) });
  return index;
}

function align(bytes: number): number {
  return (bytes + 7) & ~7;
}
