import type { RecordFilter } from '../record/record.js';
import { type FirstRow, RowScan, type Span, spansOf } from './row-scan.js';
import type { Segment } from './segment.js';
import type { SegmentIndex } from './segment-index.js';
import { selectStartByRank } from './rank-selection.js';

export type { FirstRow } from './row-scan.js';

/** One row of the log that a listing shows. */
export interface ListedRow {
  readonly segment: Segment;
  /** The segment's index when the row was found. */
  readonly index: SegmentIndex;
  readonly row: number;
  readonly start: number;
}

const wholeSegment: FirstRow = () => 0;

/** Rows up to which a listing sorts the rows that it skips; beyond, it counts them first. */
const KEPT_ROWS = 2000;

/**
 * Rows that match the filter, without the first `skip`: the newest start first, among equal ones the last appended. Needs
 * memory for the page alone, however many rows are skipped, and yields to the loop between many rows.
 */
export async function newestRows(
  segments: readonly Segment[],
  filter: RecordFilter,
  skip: number,
  limit: number,
  firstRow = wholeSegment,
): Promise<ListedRow[]> {
  const spans = spansOf(segments, filter, firstRow);
  const most = spans.reduce((sum, { from, to }) => sum + to - from, 0);
  if (limit <= 0 || skip >= most) return [];
  const { since = -Infinity, upto = Infinity } = filter;
  const scan = new RowScan();
  if (skip + limit <= KEPT_ROWS) return (await newestIn(scan, spans, since, upto, skip + limit)).slice(skip);
  const first = await selectStartByRank(scan, spans, since, upto, skip);
  if (first === undefined) return [];
  const page = await equalStarts(scan, spans, first.start, first.before, limit);
  const older = await newestIn(scan, spans, since, justBefore(first.start), limit - page.length);
  return [...page, ...older];
}

/** The number of rows that match the filter. */
export async function countRows(
  segments: readonly Segment[],
  filter: RecordFilter,
  firstRow = wholeSegment,
): Promise<number> {
  const { since = -Infinity, upto = Infinity } = filter;
  const scan = new RowScan();
  let count = 0;
  for (const span of spansOf(segments, filter, firstRow)) await scan.visit(span, since, upto, () => count++);
  return count;
}

/** The newest `count` rows. Spans are visited from the last appended row, so that a full heap rejects most rows. */
async function newestIn(
  scan: RowScan,
  spans: readonly Span[],
  since: number,
  upto: number,
  count: number,
): Promise<ListedRow[]> {
  if (count <= 0) return [];
  const newest = new NewestHeap(count);
  for (const span of [...spans].sort((a, b) => b.index.maxStart - a.index.maxStart)) {
    const { segment, index } = span;
    const bound = newest.bound;
    if (bound !== undefined && index.maxStart < bound) break;
    if (index.minStart > upto) continue;
    await scan.visit(span, since, upto, (row, start) => newest.offer({ segment, index, row, start }));
  }
  return newest.sorted();
}

/** Rows with this start, the last appended first, without the first `skip`. */
async function equalStarts(
  scan: RowScan,
  spans: readonly Span[],
  start: number,
  skip: number,
  limit: number,
): Promise<ListedRow[]> {
  const page: ListedRow[] = [];
  let seen = 0;
  for (const span of [...spans].sort((a, b) => b.segment.sequence - a.segment.sequence)) {
    const { segment, index } = span;
    if (index.minStart > start || index.maxStart < start) continue;
    await scan.visit(span, start, start, (row) => {
      if (seen++ >= skip && page.length < limit) page.push({ segment, index, row, start });
    });
    if (page.length === limit) break;
  }
  return page;
}

/** The largest number below `start`. */
function justBefore(start: number): number {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, start);
  if (start === 0) return -Number.MIN_VALUE;
  bits.setBigInt64(0, bits.getBigInt64(0) - (start > 0 ? 1n : -1n));
  return bits.getFloat64(0);
}

/** Keeps the newest `limit` rows: a binary heap with the oldest of them on top. */
class NewestHeap {
  readonly #rows: ListedRow[] = [];

  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The start below which the heap rejects a row; undefined while there is room. */
  get bound(): number | undefined {
    return this.#rows.length < this.#limit ? undefined : this.#rows[0]!.start;
  }

  offer(entry: ListedRow): void {
    if (this.#rows.length < this.#limit) {
      this.#rows.push(entry);
      this.#up(this.#rows.length - 1);
      return;
    }
    if (!isOlder(this.#rows[0]!, entry)) return;
    this.#rows[0] = entry;
    this.#down();
  }

  sorted(): ListedRow[] {
    return this.#rows.sort((a, b) => (isOlder(a, b) ? 1 : -1));
  }

  #up(at: number): void {
    const rows = this.#rows;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isOlder(rows[at]!, rows[parent]!)) return;
      [rows[at], rows[parent]] = [rows[parent]!, rows[at]!];
      at = parent;
    }
  }

  #down(): void {
    const rows = this.#rows;
    for (let at = 0; ;) {
      let oldest = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < rows.length && isOlder(rows[child]!, rows[oldest]!)) oldest = child;
      }
      if (oldest === at) return;
      [rows[at], rows[oldest]] = [rows[oldest]!, rows[at]!];
      at = oldest;
    }
  }
}

function isOlder(a: ListedRow, b: ListedRow): boolean {
  if (a.start !== b.start) return a.start < b.start;
  if (a.segment !== b.segment) return a.segment.sequence < b.segment.sequence;
  return a.row < b.row;
}
