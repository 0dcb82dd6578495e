import fs from 'node:fs';
import { type BuiltIndex, buildIndex } from './index-builder.js';
import { SEAL_BYTES, sealedKind, sealedLength, isWhole, sumsOfSeal } from './frame-seal.js';
import { decodeHead } from '../record/record-codec.js';
import { Segment } from './segment.js';
import { segmentBytes } from './segment-bytes.js';
import { formOf } from './segment-scan.js';
import { decodeSidecar, type SavedIndex } from './sidecar.js';

/** A segment of an earlier process. */
export interface OpenedSegment {
  readonly segment: Segment;
  /** Its index was built from its bytes. */
  readonly scanned: boolean;
  /** The notes that it holds, as JSON, in order. */
  readonly notes: readonly string[];
}

/**
 * Reads a segment's index, or builds it. Cuts off an incomplete write at the end, and nothing else. Throws the errors of
 * the file system.
 */
export function openSegment(directory: string, sequence: number): OpenedSegment {
  const file = new Segment(directory, sequence);
  const size = fs.statSync(file.path).size;
  const saved = loadIndex(file.indexPath, size);
  const notes = saved === undefined ? undefined : savedNotes(file.path, saved.notes);
  if (saved !== undefined && notes !== undefined) {
    const segment = new Segment(directory, sequence, saved.index, size);
    segment.notes = saved.notes;
    return { segment, scanned: false, notes };
  }
  const bytes = segmentBytes(file.path);
  const built = buildIndex(bytes, formOf(bytes));
  const segment = new Segment(directory, sequence, built.index, whole(file.path, bytes, built));
  segment.notes = built.notes;
  segment.damage = built.damage.filter(({ torn }) => !torn);
  return { segment, scanned: true, notes: built.notes.map((offset) => decodeHead(bytes.subarray(offset))) };
}

/** Cuts off a torn tail, and returns the length of the rest. */
function whole(path: string, bytes: Buffer, { damage }: BuiltIndex): number {
  const tail = damage.at(-1);
  if (tail?.torn !== true) return bytes.length;
  fs.truncateSync(path, tail.from);
  return tail.from;
}

function loadIndex(file: string, segmentLength: number): SavedIndex | undefined {
  try {
    return decodeSidecar(fs.readFileSync(file), segmentLength);
  } catch {
    return undefined;
  }
}

/** Undefined when one of them is not at its offset. */
function savedNotes(path: string, offsets: readonly number[]): string[] | undefined {
  if (offsets.length === 0) return [];
  const bytes = segmentBytes(path);
  const areWhole = offsets.every((offset) => {
    const at = offset - SEAL_BYTES;
    return sealedKind(bytes, at) === 'note' && isWhole(bytes, offset, sealedLength(bytes, at), sumsOfSeal(bytes, at));
  });
  return areWhole ? offsets.map((offset) => decodeHead(bytes.subarray(offset))) : undefined;
}
