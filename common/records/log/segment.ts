import fs from 'node:fs';
import path from 'node:path';
import type { FoundDamage } from './found-frame.js';
import { SegmentIndex } from './segment-index.js';

/** First bytes of every segment file: what it is, and the version of its form. */
export const SEGMENT_MAGIC = Buffer.from('DFRECS2\n');
/** Of those that releases until 0.1 wrote, with frames in batches. They are read, and not written to any more. */
export const BATCH_MAGIC = Buffer.from('DFRECS1\n');

/** The write side of segment files, so that a test can fail it. All calls are synchronous and throw. */
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

/** One file of the log with its index: a magic, then sealed frames, of records and of notes. */
export class Segment {
  readonly path: string;
  readonly indexPath: string;
  /** Open for writing. */
  fd: number | undefined = undefined;
  /** Where the notes begin that were open when the segment was completed, ascending. */
  notes: readonly number[] = [];
  /** Bytes that belong to no whole frame, as far as a scan of this process has found such. */
  damage: readonly FoundDamage[] = [];

  constructor(
    directory: string,
    readonly sequence: number,
    public index = new SegmentIndex(),
    /** Bytes with those still queued. */
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
