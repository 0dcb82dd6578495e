import fs from 'node:fs';
import path from 'node:path';
import type { DamagedParts } from './damaged-parts.js';
import { Segment, type SegmentFiles } from './segment.js';
import { openSegment } from './segment-opening.js';
import { readAgain, replaceIndex } from './segment-repair.js';
import { encodeSidecar } from './sidecar.js';

/** The contents of a log directory when it is opened. */
export interface OpenedStore {
  readonly store: SegmentStore;
  /** The notes of all segments, as JSON, in the order in which they were written. */
  readonly notes: readonly string[];
}

/** The segments of a log directory, oldest first. The last one is active: it takes the writes. */
export class SegmentStore {
  readonly #directory: string;
  readonly #files: SegmentFiles;
  readonly #damaged: DamagedParts;

  private constructor(
    directory: string,
    files: SegmentFiles,
    damaged: DamagedParts,
    readonly segments: Segment[],
  ) {
    this.#directory = directory;
    this.#files = files;
    this.#damaged = damaged;
  }

  /** Background work on files, in sequence. */
  #background: Promise<void> = Promise.resolve();
  readonly #repairs = new Map<Segment, Promise<void>>();

  /** Reads the directory. The log never writes behind damage, nor to segments of an older format. Throws the errors of the file system. */
  static open(directory: string, files: SegmentFiles, damaged: DamagedParts): OpenedStore {
    const names = fs.readdirSync(directory);
    const sequences = names.map((name) => Segment.sequenceOf(name)).filter((sequence) => sequence !== undefined);
    sequences.sort((a, b) => a - b);
    const opened = sequences.map((sequence) => openSegment(directory, sequence));
    const segments = opened.map(({ segment }) => segment);
    opened.forEach(({ scanned }, at) => scanned && supersedeAround(segments, at));
    removeLeftovers(directory, names, segments);
    const last = segments.at(-1);
    const goesOn = last !== undefined && last.damage.length === 0 && last.index.sums === undefined;
    if (!goesOn) segments.push(new Segment(directory, (last?.sequence ?? 0) + 1));
    const store = new SegmentStore(directory, files, damaged, segments);
    for (const { segment, scanned } of opened) {
      if (segment.damage.length > 0) damaged.found(segment, segment.damage, []);
      if (scanned && segment !== store.active) store.#save(segment);
    }
    return { store, notes: opened.flatMap(({ notes }) => notes) };
  }

  get active(): Segment {
    return this.segments.at(-1)!;
  }

  /** Bytes of all segments, including queued ones. */
  get bytes(): number {
    return this.segments.reduce((sum, segment) => sum + segment.length, 0);
  }

  /** Begins a new segment. */
  roll(): Segment {
    const segment = new Segment(this.#directory, this.active.sequence + 1);
    this.segments.push(segment);
    return segment;
  }

  /** The record with the id in `idWords` is appended again: listings skip its row in a complete segment. */
  supersede(): void {
    for (const segment of this.segments) {
      const row = segment === this.active ? -1 : segment.index.find();
      if (row < 0) continue;
      segment.index.supersede(row);
      if (isComplete(segment)) this.#save(segment);
    }
  }

  /** Closes the files of complete segments, and saves their indexes with the open notes. */
  sealWritten(notesOf: (segment: Segment) => readonly number[], includingActive = false): void {
    for (const segment of this.segments) {
      if (segment.fd === undefined || segment.written < segment.length) continue;
      if (segment === this.active && !includingActive) continue;
      this.#files.close(segment.fd);
      segment.fd = undefined;
      segment.index.trim();
      segment.notes = notesOf(segment);
      this.#save(segment);
    }
  }

  /** Drops the oldest segments while `tooOld` returns true; never the active one. */
  dropOldest(tooOld: (oldest: Segment) => boolean): void {
    while (this.segments.length > 1) {
      const oldest = this.segments[0]!;
      if (!isComplete(oldest) || !tooOld(oldest)) return;
      this.segments.shift();
      this.#inBackground(async () => {
        await this.#damaged.remove(oldest);
        await fs.promises.rm(oldest.indexPath, { force: true });
      });
    }
  }

  /**
   * Repairs a segment with a damaged row. A complete segment is read again: bytes may be missing, so that every row behind
   * them has moved. In an incomplete one only the row is struck. `around` wraps the change, to compare before and after.
   */
  async repair(segment: Segment, row: number, around: (change: () => void) => void): Promise<void> {
    if (!isComplete(segment)) {
      around(() => this.strike(segment, row));
      return;
    }
    let repair = this.#repairs.get(segment);
    if (repair === undefined) {
      repair = this.#readAgain(segment, around).finally(() => this.#repairs.delete(segment));
      this.#repairs.set(segment, repair);
    }
    await repair;
  }

  /** Excludes one row. */
  strike(segment: Segment, row: number): void {
    const { index } = segment;
    if (index.isStruck(row)) return;
    const [offset, length] = [index.offsets[row]!, index.lengths[row]!];
    const lost = index.idOf(row);
    index.strike(row);
    this.#damaged.found(segment, [{ kind: 'damage', from: offset, to: offset + length, torn: false }], [lost]);
    if (isComplete(segment)) this.#save(segment);
  }

  /** Resolves when the background work is done. */
  async idle(): Promise<void> {
    await Promise.all(this.#repairs.values());
    await this.#damaged.idle();
    await this.#background;
  }

  /** Closes all files. Saves indexes only when the open notes are known. */
  async close(notesOf: ((segment: Segment) => readonly number[]) | undefined): Promise<void> {
    if (notesOf !== undefined) this.sealWritten(notesOf, true);
    for (const segment of this.segments) {
      if (segment.fd !== undefined) this.#files.close(segment.fd);
      segment.fd = undefined;
    }
    await this.idle();
  }

  async #readAgain(segment: Segment, around: (change: () => void) => void): Promise<void> {
    const now = await readAgain(segment);
    around(() => {
      const lost = replaceIndex(this.segments, segment, now);
      const { length, notes, damage } = now;
      Object.assign(segment, { length, written: length, notes, damage });
      this.#damaged.found(segment, damage, lost);
    });
    if (now.length > 0) this.#save(segment);
  }

  #save(segment: Segment): void {
    this.#inBackground(async () => {
      if (!this.segments.includes(segment)) return;
      const file = `${segment.indexPath}.tmp`;
      const sidecar = encodeSidecar(segment.index, segment.notes, segment.length);
      await fs.promises.writeFile(file, sidecar, { mode: 0o600 });
      await fs.promises.rename(file, segment.indexPath);
    });
  }

  #inBackground(work: () => Promise<void>): void {
    // A sidecar that cannot be saved is replaced by a scan; a file that cannot be removed is removed at the next start.
    this.#background = this.#background.then(work).catch(() => undefined);
  }
}

function isComplete(segment: Segment): boolean {
  return segment.fd === undefined && segment.written === segment.length;
}

/** A crash may have lost the mark, which only indexes have, that a record was appended again in the next segment. */
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

/** Removes indexes without a segment, and incomplete files of a crash. */
function removeLeftovers(directory: string, names: readonly string[], segments: readonly Segment[]): void {
  const known = new Set(segments.map((segment) => path.basename(segment.indexPath)));
  for (const name of names) {
    const leftover = /^records-\d{12}\.idx(\.tmp)?$/.test(name) && !known.has(name);
    if (leftover || /^lock\.[0-9a-f]{16}$/.test(name)) fs.rmSync(path.join(directory, name), { force: true });
  }
}
