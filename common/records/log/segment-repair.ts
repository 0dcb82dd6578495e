import fs from 'node:fs/promises';
import { type BuiltIndex, buildIndexSlowly } from './index-builder.js';
import type { Segment } from './segment.js';
import { isUnreadable, segmentBytes } from './segment-bytes.js';
import { SegmentIndex } from './segment-index.js';
import { formOf } from './segment-scan.js';

/** The contents of a segment after it was read again. */
export interface RepairedSegment extends BuiltIndex {
  /** Bytes of its file. */
  readonly length: number;
}

/** Reads the file of a complete segment again. The result is empty when the file is gone. */
export async function readAgain(segment: Segment): Promise<RepairedSegment> {
  const bytes = await bytesOf(segment.path);
  if (bytes === undefined) return { index: new SegmentIndex(), notes: [], damage: [], length: 0 };
  return { ...(await buildIndexSlowly(bytes, formOf(bytes))), length: bytes.length };
}

async function bytesOf(path: string): Promise<Buffer | undefined> {
  try {
    return await fs.readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (isUnreadable(error)) return segmentBytes(path);
    throw error;
  }
}

/**
 * Replaces a segment's index by that of its present contents: a superseded row stays so while the later record exists, and
 * a row that a lost record had superseded is listed again. Returns the ids that the segment has lost.
 */
export function replaceIndex(segments: readonly Segment[], segment: Segment, { index }: RepairedSegment): string[] {
  const old = segment.index;
  const at = segments.indexOf(segment);
  const later = segments.slice(at + 1);
  const earlier = segments.slice(0, Math.max(0, at));
  const lost: string[] = [];
  for (let row = 0; row < old.count; row++) {
    if (old.isStruck(row)) continue;
    old.loadId(row);
    const now = index.find();
    if (now < 0) {
      lost.push(old.idOf(row));
      const older = earlier.findLast((other) => other.index.findWhole() >= 0)?.index;
      if (!old.isSuperseded(row)) older?.reinstate(older.find());
    } else if (old.isSuperseded(row) && later.some((other) => other.index.findWhole() >= 0)) {
      index.supersede(now);
    }
  }
  segment.index = index;
  return lost;
}
