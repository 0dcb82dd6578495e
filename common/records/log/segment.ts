import fs from 'node:fs';
import path from 'node:path';
import type { FrameKind } from './frame-seal.js';
import { SegmentIndex } from './segment-index.js';

/** First bytes of every segment file: the file type and the version of its format. */
export const SEGMENT_MAGIC = Buffer.from('DFRECS2\n');
/** First bytes of the segments that releases until 0.1 wrote, with frames in batches. They are read, never written to. */
export const BATCH_MAGIC = Buffer.from('DFRECS1\n');

/** The write operations on segment files; a test replaces them to make writes fail. All are synchronous and throw. */
export interface SegmentFiles {
  /** Opens for writing at any position; makes the file if it is not there. */
  open(path: string): number;
  /** Returns how many bytes were written: possibly fewer than given. */
  write(fd: number, buffers: readonly Uint8Array[], position: number): number;
  close(fd: number): void;
}

export const segmentFiles: SegmentFiles = {
  open: (file) => fs.openSync(file, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600),
  write: (fd, buffers, position) =>
    buffers.length === 1
      ? fs.writeSync(fd, buffers[0]!, 0, buffers[0]!.length, position)
      : fs.writevSync(fd, buffers, position),
  close: (fd) => fs.closeSync(fd),
};

/** A whole frame of a segment: its offset behind its seal, and its length. */
export interface ScannedFrame {
  readonly kind: FrameKind;
  readonly offset: number;
  readonly length: number;
}

/** Bytes that belong to no whole frame. `torn`: they are the beginning of a write that did not complete. */
export interface DamagedRange {
  readonly kind: 'damage';
  readonly from: number;
  readonly to: number;
  readonly torn: boolean;
}

/** One item that a scan of a segment yields. */
export type Scanned = ScannedFrame | DamagedRange;

/** One file of the log with its index: a magic, then sealed frames, of records and of notes. */
export class Segment {
  readonly path: string;
  readonly indexPath: string;
  /** Open for writing. */
  fd: number | undefined = undefined;
  /** Offsets of the notes that were open when the segment was completed, ascending. */
  notes: readonly number[] = [];
  /** Bytes that belong to no whole frame, as found by a scan of this process. */
  damage: readonly DamagedRange[] = [];

  constructor(
    directory: string,
    readonly sequence: number,
    public index = new SegmentIndex(),
    /** Bytes, with those that are still queued. */
    public length = 0,
    /** Bytes in the file. */
    public written = length,
  ) {
    const name = path.join(directory, `records-${String(sequence).padStart(12, '0')}`);
    this.path = `${name}.log`;
    this.indexPath = `${name}.idx`;
  }

  /** The sequence number in a file's name; undefined for other files. */
  static sequenceOf(fileName: string): number | undefined {
    const match = /^records-(\d{12})\.log$/.exec(fileName);
    return match === null ? undefined : Number(match[1]);
  }
}

export function startsWith(bytes: Buffer, magic: Buffer): boolean {
  return bytes.length >= magic.length && bytes.subarray(0, magic.length).equals(magic);
}

/**
 * True when the bytes from `from` on were allocated and never written, as a crash of the machine may leave the end of a
 * file: zeros, or an incomplete magic.
 */
export function isUnwritten(bytes: Buffer, from: number, magic: Buffer): boolean {
  if (from === 0 && bytes.length < magic.length && magic.subarray(0, bytes.length).equals(bytes)) return true;
  for (let at = from; at < bytes.length; at++) if (bytes[at] !== 0) return false;
  return true;
}
