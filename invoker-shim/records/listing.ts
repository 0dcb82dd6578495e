import type { RecordFilter } from './record.js';
import type { Segment } from './segment.js';

/** One row of the log that a listing shows. */
export interface ListedRow {
  readonly segment: Segment;
  readonly row: number;
  readonly start: number;
}

/** The first row of a segment that a listing looks at. */
export type FirstRow = (segment: Segment) => number;

const wholeSegment: FirstRow = () => 0;

/** The newest `count` rows that the filter takes: by start, of equal ones the later appended first. */
export function newestRows(
  segments: readonly Segment[],
  filter: RecordFilter,
  count: number,
  firstRow = wholeSegment,
): ListedRow[] {
  if (count <= 0) return [];
  const newest = new NewestHeap(count);
  const byMaxStart = [...segments].sort((a, b) => b.index.maxStart - a.index.maxStart);
  for (const segment of byMaxStart) {
    const bound = newest.bound;
    if (bound !== undefined && segment.index.maxStart < bound) break;
    eachMatch(segment, firstRow(segment), filter, (row, start) => newest.offer(segment, row, start));
  }
  return newest.sorted();
}

/** How many rows the filter takes. */
export function countRows(segments: readonly Segment[], filter: RecordFilter, firstRow = wholeSegment): number {
  let count = 0;
  for (const segment of segments) eachMatch(segment, firstRow(segment), filter, () => count++);
  return count;
}

/** Newest appended first, so that a heap that is full turns most of the rest away at once. */
function eachMatch(
  segment: Segment,
  firstRow: number,
  filter: RecordFilter,
  visit: (row: number, start: number) => void,
): void {
  const { index } = segment;
  const namespace = index.numberOf(filter.namespace);
  const name = filter.name === undefined ? undefined : index.numberOf(filter.name);
  if (namespace === undefined || (filter.name !== undefined && name === undefined)) return;
  const since = filter.since ?? -Infinity;
  const upto = filter.upto ?? Infinity;
  if (index.maxStart < since || index.minStart > upto) return;
  const { namespaces, names, starts } = index;
  for (let row = index.count - 1; row >= firstRow; row--) {
    if (namespaces[row] !== namespace) continue;
    if (name !== undefined && names[row] !== name) continue;
    const start = starts[row]!;
    if (start >= since && start <= upto) visit(row, start);
  }
}

/** Keeps the newest `limit` rows: a binary heap with the oldest of them on top. */
class NewestHeap {
  private readonly rows: ListedRow[] = [];

  constructor(private readonly limit: number) {}

  /** The start below which nothing gets in any more; undefined while there is room. */
  get bound(): number | undefined {
    return this.rows.length < this.limit ? undefined : this.rows[0]!.start;
  }

  offer(segment: Segment, row: number, start: number): void {
    if (this.rows.length < this.limit) {
      this.rows.push({ segment, row, start });
      this.up(this.rows.length - 1);
      return;
    }
    const oldest = this.rows[0]!;
    if (start < oldest.start) return;
    const entry = { segment, row, start };
    if (!isOlder(oldest, entry)) return;
    this.rows[0] = entry;
    this.down();
  }

  sorted(): ListedRow[] {
    return this.rows.sort((a, b) => (isOlder(a, b) ? 1 : -1));
  }

  private up(at: number): void {
    const { rows } = this;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isOlder(rows[at]!, rows[parent]!)) return;
      [rows[at], rows[parent]] = [rows[parent]!, rows[at]!];
      at = parent;
    }
  }

  private down(): void {
    const { rows } = this;
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
