import type { DamagedRow, FrameReader, Row } from './frame-reader.js';
import { type FirstRow, countRows, newestRows } from './listing.js';
import type { ActivationRecord, RecordFilter, RecordReader } from '../record/record.js';
import type { Segment } from './segment.js';
import { tryParseId } from './segment-index.js';

/** Attempts after which damaged rows are left out without a repair. */
const MAX_ATTEMPTS = 4;

/** Looks up the records of a log. Damaged rows are repaired or left out, and the query runs again. */
export class RecordQueries implements RecordReader {
  readonly #segments: readonly Segment[];
  readonly #reader: FrameReader;
  readonly #repair: (rows: readonly DamagedRow[], again: boolean) => Promise<void>;
  /** Rows before it are neither listed nor counted. Default: all rows count. */
  readonly #firstRow: FirstRow | undefined;

  constructor(
    segments: readonly Segment[],
    reader: FrameReader,
    repair: (rows: readonly DamagedRow[], again: boolean) => Promise<void>,
    firstRow?: FirstRow,
  ) {
    this.#segments = segments;
    this.#reader = reader;
    this.#repair = repair;
    this.#firstRow = firstRow;
  }

  async get(namespace: string, activationId: string): Promise<ActivationRecord | undefined> {
    const [record] = await this.#read(() => this.#find(namespace, activationId), false);
    return record;
  }

  list(filter: RecordFilter, skip: number, limit: number, brief = false): Promise<ActivationRecord[]> {
    return this.#read(() => newestRows(this.#segments, filter, skip, limit, this.#firstRow), brief);
  }

  async count(filter: RecordFilter, skip: number): Promise<number> {
    return Math.max(0, (await countRows(this.#segments, filter, this.#firstRow)) - skip);
  }

  /** True when there is a record of the activation, in any namespace. */
  has(activationId: string): boolean {
    if (!tryParseId(activationId)) return false;
    return this.#segments.some(({ index }) => index.findWhole() >= 0);
  }

  #find(namespace: string, activationId: string): Row[] {
    if (!tryParseId(activationId)) return [];
    for (let i = this.#segments.length - 1; i >= 0; i--) {
      const segment = this.#segments[i]!;
      const row = segment.index.findWhole();
      if (row < 0) continue;
      return segment.index.namespaceOf(row) === segment.index.numberOf(namespace) ? [{ segment, row }] : [];
    }
    return [];
  }

  async #read(rows: () => readonly Row[] | Promise<readonly Row[]>, brief: boolean): Promise<ActivationRecord[]> {
    for (let attempt = 1; ; attempt++) {
      const found = await rows();
      // A segment that was repaired meanwhile has other rows.
      const valid = found.filter(({ segment, index }) => index === undefined || index === segment.index);
      if (valid.length < found.length && attempt < MAX_ATTEMPTS) continue;
      const { records, damaged } = await this.#reader.read(valid, brief);
      if (damaged.length === 0 || attempt === MAX_ATTEMPTS) return records;
      await this.#repair(damaged, attempt > 1);
    }
  }
}
