import fs from 'node:fs/promises';
import type { AppendQueue } from './append-queue.js';
import { type FrameSums, SEAL_BYTES, isWhole, sealedKind, sumsOfSeal } from './frame-seal.js';
import type { ActivationRecord } from '../record/record.js';
import { FRAME_HEADER_BYTES, decodeFrame } from '../record/record-codec.js';
import type { Segment } from './segment.js';
import { isUnreadable } from './segment-bytes.js';
import type { SegmentIndex } from './segment-index.js';

/** Enough for the head of nearly every record, and for every frame with one sum. */
const BRIEF_BYTES = 4096;

/** A row of the log, to be read. */
export interface Row {
  readonly segment: Segment;
  readonly row: number;
  /** The segment's index when the row was found, where time has passed since. */
  readonly index?: SegmentIndex;
}

/** A row that was read and is damaged, with the index in which it was found. */
export interface DamagedRow extends Row {
  readonly index: SegmentIndex;
}

/** Records of some rows, and the rows that are damaged. */
export interface ReadRows {
  readonly records: ActivationRecord[];
  readonly damaged: readonly DamagedRow[];
}

interface Wanted extends DamagedRow {
  readonly offset: number;
  readonly length: number;
  record: ActivationRecord | undefined;
  damaged: boolean;
}

/** Reads records by their rows, from the queue or from the files, and verifies their checksums. */
export class FrameReader {
  readonly #queue: AppendQueue;

  constructor(queue: AppendQueue) {
    this.#queue = queue;
  }

  /** The records in the order of the rows; those of segments that were dropped meanwhile are left out. `brief`: heads alone. */
  async read(rows: readonly Row[], brief: boolean): Promise<ReadRows> {
    const wanted = rows.map(wantedOf);
    const missing = new Map<Segment, Wanted[]>();
    for (const one of wanted) {
      // Queued bytes are copied now, since they may leave the queue before a later turn.
      const queued = this.#queue.peek(one.segment, one.offset, one.length);
      if (queued !== undefined) one.record = decodeFrame(queued, brief);
      else if (!missing.has(one.segment)) missing.set(one.segment, [one]);
      else missing.get(one.segment)!.push(one);
    }
    for (const [segment, some] of missing) {
      await withFile(segment.path, async (file) => {
        for (const one of some) {
          one.record = await readRecord(file, one, brief);
          one.damaged = one.record === undefined;
        }
      });
    }
    return {
      records: wanted.flatMap(({ record }) => record ?? []),
      damaged: wanted.filter(({ damaged }) => damaged),
    };
  }
}

function wantedOf({ segment, row }: Row): Wanted {
  const { index } = segment;
  const [offset, length] = [index.offsets[row]!, index.lengths[row]!];
  return { segment, row, index, offset, length, record: undefined, damaged: false };
}

async function withFile(path: string, use: (file: fs.FileHandle) => Promise<void>): Promise<void> {
  let file: fs.FileHandle;
  try {
    file = await fs.open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  try {
    await use(file);
  } finally {
    await file.close();
  }
}

/** Undefined when it is damaged. */
async function readRecord(file: fs.FileHandle, row: Wanted, brief: boolean): Promise<ActivationRecord | undefined> {
  const sealBytes = sealBytesOf(row.index);
  const place = row.offset - sealBytes;
  const length = sealBytes + row.length;
  let bytes = await readAt(file, place, brief ? Math.min(length, BRIEF_BYTES) : length);
  if (bytes === undefined) return undefined;
  const headEnd = sealBytes + FRAME_HEADER_BYTES + bytes.readUInt32LE(sealBytes);
  // A length beyond the row is damage.
  if (headEnd > bytes.length && headEnd <= length) bytes = await readAt(file, place, headEnd);
  if (bytes === undefined || !isWholeRow(bytes, 0, row.index, row.row, brief)) return undefined;
  try {
    return decodeFrame(bytes.subarray(sealBytes), brief);
  } catch {
    return undefined;
  }
}

/** Bytes in front of each frame of a segment. */
export function sealBytesOf(index: SegmentIndex): number {
  return index.sums === undefined ? SEAL_BYTES : 0;
}

/** True when the bytes from `at` on are this row of a segment, with its seal if it has one; `brief`: up to its head. */
export function isWholeRow(bytes: Buffer, at: number, index: SegmentIndex, row: number, brief = false): boolean {
  const { sums } = index;
  const length = index.lengths[row]!;
  if (sums !== undefined) return isWhole(bytes, at, length, sumsOfRow(sums, row), brief);
  return sealedKind(bytes, at) === 'record' && isWhole(bytes, at + SEAL_BYTES, length, sumsOfSeal(bytes, at), brief);
}

function sumsOfRow(sums: Uint32Array, row: number): FrameSums {
  return [sums[row * 2]!, sums[row * 2 + 1]!];
}

/** Undefined when the file is shorter, or the disk cannot read it. */
async function readAt(file: fs.FileHandle, offset: number, length: number): Promise<Buffer | undefined> {
  const bytes = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    try {
      const { bytesRead } = await file.read(bytes, done, length - done, offset + done);
      if (bytesRead === 0) return undefined;
      done += bytesRead;
    } catch (error) {
      if (isUnreadable(error)) return undefined;
      throw error;
    }
  }
  return bytes;
}
