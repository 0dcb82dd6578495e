import fs from 'node:fs/promises';
import { type DamagedRow, isWholeRow, sealBytesOf } from './frame-reader.js';
import { SEGMENT_MAGIC, type Segment } from './segment.js';
import { isUnreadable, segmentBytes } from './segment-bytes.js';
import type { SegmentStore } from './segment-store.js';
import type { Checkpoint } from './checkpoint.js';
import { type ReplicationSource, type FrameRun, type LogPosition, isBefore } from './replication-source.js';

export interface WaitingBounds {
  /** Waiting bytes at which the log is full. */
  readonly maxBytes: number;
  /** Memory of the indexes of waiting segments, in bytes, at which the log is full. */
  readonly maxIndexBytes: number;
}

/** The position in a log up to which its records are replicated, and the records that wait behind it. */
export class ReplicationCursor implements ReplicationSource {
  position: LogPosition;
  fill = 0;
  gone = 0;
  #waiters: (() => void)[] = [];

  readonly #store: SegmentStore;
  readonly #checkpoint: Checkpoint;
  readonly #bounds: WaitingBounds;
  /** Called with rows that were read and are damaged. */
  readonly #repair: (rows: readonly DamagedRow[], again: boolean) => Promise<void>;
  /** Called when segments may be dropped. */
  readonly #onAdvance: () => void;

  constructor(
    store: SegmentStore,
    checkpoint: Checkpoint,
    bounds: WaitingBounds,
    repair: (rows: readonly DamagedRow[], again: boolean) => Promise<void>,
    onAdvance: () => void,
  ) {
    this.#store = store;
    this.#checkpoint = checkpoint;
    this.#bounds = bounds;
    this.#repair = repair;
    this.#onAdvance = onAdvance;

    this.position = within(store.segments, checkpoint.load());
    const { position } = this;
    for (const { sequence, damage } of store.segments) {
      const lost = damage.filter(({ to }) => to > SEGMENT_MAGIC.length);
      this.gone += lost.filter(({ to }) => isBefore(position, { segment: sequence, offset: to })).length;
    }
    this.#refresh();
  }

  get full(): boolean {
    return this.fill >= 1;
  }

  get logId(): string {
    return this.#checkpoint.logId;
  }

  get waitingRecords(): number {
    return this.waitingSegments().reduce((sum, segment) => sum + segment.index.count - this.firstRow(segment), 0);
  }

  get waitingBytes(): number {
    const { segment, offset } = this.position;
    return this.waitingSegments().reduce(
      (sum, waiting) => sum + waiting.length - (waiting.sequence === segment ? offset : 0),
      0,
    );
  }

  /** The first row of a segment that is not replicated; its number of rows when all are. */
  readonly firstRow = (segment: Segment): number => {
    if (segment.sequence > this.position.segment) return 0;
    const { count, offsets } = segment.index;
    if (segment.sequence < this.position.segment) return count;
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (offsets[middle]! < this.position.offset) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  /** Segments with rows that are not replicated. */
  waitingSegments(): Segment[] {
    return this.#store.segments.filter((segment) => this.firstRow(segment) < segment.index.count);
  }

  /** True when every record of the segment is replicated. */
  isReplicated(segment: Segment): boolean {
    return segment.sequence < this.position.segment || this.firstRow(segment) === segment.index.count;
  }

  /** Records were written to the files. */
  onWritten(): void {
    this.#refresh();
    const waiters = this.#waiters;
    if (waiters.length === 0 || this.#firstWritten() === undefined) return;
    this.#waiters = [];
    for (const waiter of waiters) waiter();
  }

  whenWaiting(callback: () => void): void {
    if (this.#firstWritten() === undefined) this.#waiters.push(callback);
    else queueMicrotask(callback);
  }

  /** Makes a change to the log's contents, and counts the waiting records that are gone after it. */
  readonly countingGone = (change: () => void): void => {
    const before = this.#waitingWhole();
    change();
    this.gone += Math.max(0, before - this.#waitingWhole());
    this.#refresh();
  };

  async read(maxRecords: number, maxBytes: number): Promise<FrameRun | undefined> {
    for (let again = false; ; again = true) {
      const run = await this.#readRun(maxRecords, maxBytes);
      if (run === undefined || run.damaged.length === 0) return run;
      await this.#repair(run.damaged, again);
    }
  }

  async #readRun(
    maxRecords: number,
    maxBytes: number,
  ): Promise<(FrameRun & { readonly damaged: readonly DamagedRow[] }) | undefined> {
    const segment = this.#firstWritten();
    if (segment === undefined) return undefined;
    const { index } = segment;
    const { offsets, lengths, count } = index;
    const sealBytes = sealBytesOf(index);
    const first = this.firstRow(segment);
    const begin = offsets[first]! - sealBytes;
    let last = first;
    const fits = (row: number): boolean => {
      const end = offsets[row]! + lengths[row]!;
      return end <= segment.written && row - first < maxRecords && end - begin <= maxBytes;
    };
    while (last + 1 < count && fits(last + 1)) last++;
    const end = offsets[last]! + lengths[last]!;
    const bytes = await readRange(segment.path, begin, end - begin);
    const places: number[] = [];
    const damaged: DamagedRow[] = [];
    for (let row = first; row <= last; row++) {
      if (index.isStruck(row)) continue;
      const at = offsets[row]! - begin;
      if (isWholeRow(bytes, at - sealBytes, index, row)) places.push(at, lengths[row]!);
      else damaged.push({ segment, index, row });
    }
    return {
      bytes,
      places: Uint32Array.from(places),
      damaged,
      from: { segment: segment.sequence, offset: begin },
      // A row that is struck has no length, and is passed too.
      to: { segment: segment.sequence, offset: Math.max(end, offsets[last]! + 1) },
    };
  }

  async advance(position: LogPosition): Promise<void> {
    if (!isBefore(this.position, position)) return;
    // A full disk must not prevent the progress that frees it. An older checkpoint does no harm: the records behind it are
    // replicated again.
    await this.#checkpoint.save(position).catch(() => undefined);
    this.position = position;
    this.#refresh();
    this.#onAdvance();
  }

  /** The number of waiting rows that are not struck. */
  #waitingWhole(): number {
    let whole = 0;
    for (const segment of this.waitingSegments()) {
      const { index } = segment;
      for (let row = this.firstRow(segment); row < index.count; row++) if (!index.isStruck(row)) whole++;
    }
    return whole;
  }

  /** The segment with the first waiting record, when that is in its file. */
  #firstWritten(): Segment | undefined {
    for (const segment of this.#store.segments) {
      const row = this.firstRow(segment);
      if (row === segment.index.count) continue;
      return segment.index.offsets[row]! + segment.index.lengths[row]! <= segment.written ? segment : undefined;
    }
    return undefined;
  }

  #refresh(): void {
    const waiting = this.waitingSegments();
    const indexBytes = waiting.reduce((sum, segment) => sum + segment.index.bytes, 0);
    const { maxBytes, maxIndexBytes } = this.#bounds;
    this.fill = Math.max(this.waitingBytes / maxBytes, indexBytes / maxIndexBytes);
  }
}

/** A checkpoint may be newer than the files: a crash of the machine truncates them, an operator moves them away. */
function within(segments: readonly Segment[], saved: LogPosition | undefined): LogPosition {
  const begin = { segment: segments[0]!.sequence, offset: 0 };
  if (saved === undefined || isBefore(saved, begin)) return begin;
  const same = segments.find(({ sequence }) => sequence === saved.segment);
  if (same !== undefined) return { segment: saved.segment, offset: Math.min(saved.offset, same.length) };
  return segments.some(({ sequence }) => sequence > saved.segment) ? saved : begin;
}

/** The bytes of the range that exist: fewer when the file is shorter or gone. */
async function readRange(path: string, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(length);
  let file: fs.FileHandle;
  try {
    file = await fs.open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return bytes.subarray(0, 0);
    throw error;
  }
  try {
    let done = 0;
    while (done < length) {
      const { bytesRead } = await file.read(bytes, done, length - done, offset + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return bytes.subarray(0, done);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return segmentBytes(path).subarray(offset, offset + length);
  } finally {
    await file.close();
  }
}
