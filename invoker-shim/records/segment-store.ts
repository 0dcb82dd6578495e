import fs from 'node:fs';
import path from 'node:path';
import { RecordLogError } from './errors.js';
import { Segment, type SegmentFiles } from './segment.js';
import { SegmentIndex } from './segment-index.js';
import { scanSegment } from './segment-scan.js';
import { decodeSidecar, encodeSidecar } from './sidecar.js';

/** The segments of a log directory, oldest first; the last one is written to. */
export class SegmentStore {
  private constructor(
    private readonly directory: string,
    private readonly files: SegmentFiles,
    readonly segments: Segment[],
  ) {}

  /** Work on files that nobody waits for, one after the other. */
  private background: Promise<void> = Promise.resolve();

  /** Reads what is there; torn tails are cut off. Throws what the file system says. */
  static open(directory: string, files: SegmentFiles): SegmentStore {
    const names = fs.readdirSync(directory);
    const sequences = names.map((name) => Segment.sequenceOf(name)).filter((sequence) => sequence !== undefined);
    sequences.sort((a, b) => a - b);
    const opened = sequences.map((sequence) => openSegment(directory, sequence));
    const segments = opened.map(({ segment }) => segment);
    opened.forEach(({ scanned }, at) => scanned && supersedeAround(segments, at));
    removeLeftovers(directory, names, segments);
    if (segments.length === 0) segments.push(new Segment(directory, 1));
    return new SegmentStore(directory, files, segments);
  }

  get active(): Segment {
    return this.segments.at(-1)!;
  }

  /** Bytes of all segments, those still queued included. */
  get bytes(): number {
    return this.segments.reduce((sum, segment) => sum + segment.length, 0);
  }

  /** Begins a new segment. */
  roll(): Segment {
    const segment = new Segment(this.directory, this.active.sequence + 1);
    this.segments.push(segment);
    return segment;
  }

  /** The record with the id in `idWords` is appended again: its row in a complete segment is listed no more. */
  supersede(): void {
    for (const segment of this.segments) {
      const row = segment === this.active ? -1 : segment.index.find();
      if (row < 0) continue;
      segment.index.supersede(row);
      if (segment.fd === undefined && segment.written === segment.length) this.inBackground(() => saveIndex(segment));
    }
  }

  /** Closes the files of segments that are complete, and saves their indexes. */
  sealWritten(includingActive = false): void {
    for (const segment of this.segments) {
      if (segment.fd === undefined || segment.written < segment.length) continue;
      if (segment === this.active && !includingActive) continue;
      this.files.close(segment.fd);
      segment.fd = undefined;
      segment.index.trim();
      this.inBackground(() => saveIndex(segment));
    }
  }

  /** Drops the oldest segments while `tooOld` says so; never one that is being written. */
  dropOldest(tooOld: (oldest: Segment) => boolean): void {
    while (this.segments.length > 1) {
      const oldest = this.segments[0]!;
      if (oldest.fd !== undefined || oldest.written < oldest.length || !tooOld(oldest)) return;
      this.segments.shift();
      this.inBackground(async () => {
        await fs.promises.rm(oldest.path, { force: true });
        await fs.promises.rm(oldest.indexPath, { force: true });
      });
    }
  }

  /** Waits for the work on files. */
  idle(): Promise<void> {
    return this.background;
  }

  /** Closes what is still open. */
  async close(): Promise<void> {
    this.sealWritten(true);
    for (const segment of this.segments) {
      if (segment.fd !== undefined) this.files.close(segment.fd);
      segment.fd = undefined;
    }
    await this.idle();
  }

  private inBackground(work: () => Promise<void>): void {
    // A sidecar that cannot be saved is made again by a scan; a file that cannot be removed goes at the next start.
    this.background = this.background.then(work).catch(() => undefined);
  }
}

async function saveIndex(segment: Segment): Promise<void> {
  const file = `${segment.indexPath}.tmp`;
  await fs.promises.writeFile(file, encodeSidecar(segment.index, segment.length), { mode: 0o600 });
  await fs.promises.rename(file, segment.indexPath);
}

function openSegment(directory: string, sequence: number): { segment: Segment; scanned: boolean } {
  const file = new Segment(directory, sequence);
  const size = fs.statSync(file.path).size;
  const saved = loadIndex(file.indexPath, size);
  if (saved !== undefined) return { segment: new Segment(directory, sequence, saved, size), scanned: false };
  const bytes = fs.readFileSync(file.path);
  const { index, length } = scanSegment(bytes);
  if (length === 0 && bytes.length > 0 && !isTornHeader(bytes)) {
    throw new RecordLogError('NOT_A_RECORD_LOG', `${file.path} is not a segment of a record log: move it elsewhere.`);
  }
  if (length < size) fs.truncateSync(file.path, length);
  index.trim();
  return { segment: new Segment(directory, sequence, index, length), scanned: true };
}

/** A crash may have lost what only indexes say: that a record was appended again in the next segment. */
function supersedeAround(segments: readonly Segment[], at: number): void {
  for (const [older, newer] of [segments.slice(at - 1, at + 1), segments.slice(at, at + 2)]) {
    if (older === undefined || newer === undefined) continue;
    for (let row = 0; row < newer.index.count; row++) {
      newer.index.loadId(row);
      const found = older.index.find();
      if (found >= 0) older.index.supersede(found);
    }
  }
}

/** A crash may leave less than the first eight bytes, or zeros in their place. */
function isTornHeader(bytes: Buffer): boolean {
  return bytes.length < 8 || bytes.readBigUInt64LE(0) === 0n;
}

function loadIndex(file: string, segmentLength: number): SegmentIndex | undefined {
  try {
    return decodeSidecar(fs.readFileSync(file), segmentLength);
  } catch {
    return undefined;
  }
}

/** Indexes without a segment, and what a crash left half made. */
function removeLeftovers(directory: string, names: readonly string[], segments: readonly Segment[]): void {
  const known = new Set(segments.map((segment) => path.basename(segment.indexPath)));
  for (const name of names) {
    const leftover = /^records-\d{12}\.idx(\.tmp)?$/.test(name) && !known.has(name);
    if (leftover || /^lock\.[0-9a-f]{16}$/.test(name)) fs.rmSync(path.join(directory, name), { force: true });
  }
}
