import type { RecordFilter } from '../record/record.js';
import type { Segment } from './segment.js';
import type { SegmentIndex } from './segment-index.js';

/** Rows that are visited in one turn of the loop: less than a millisecond. */
const ROWS_A_TURN = 100_000;

/** The first row of a segment that a listing visits. */
export type FirstRow = (segment: Segment) => number;

/** The rows of one segment that may match a filter, as they were when the listing began. */
export interface Span {
  readonly segment: Segment;
  readonly index: SegmentIndex;
  readonly from: number;
  readonly to: number;
  readonly namespace: number;
  /** Undefined: every name. */
  readonly name: number | undefined;
}

/** Segments without a match are left out. */
export function spansOf(segments: readonly Segment[], filter: RecordFilter, firstRow: FirstRow): Span[] {
  const { since = -Infinity, upto = Infinity } = filter;
  return segments.flatMap((segment): Span[] => {
    const { index } = segment;
    const namespace = index.numberOf(filter.namespace);
    const name = filter.name === undefined ? undefined : index.numberOf(filter.name);
    if (namespace === undefined || (filter.name !== undefined && name === undefined)) return [];
    if (index.maxStart < since || index.minStart > upto) return [];
    return [{ segment, index, from: firstRow(segment), to: index.count, namespace, name }];
  });
}

/** Visits rows, and yields to the loop after many. */
export class RowScan {
  #looked = 0;

  /** Visits the rows of the span that started within [since, upto], the last appended first. */
  async visit(
    { index, from, to, namespace, name }: Span,
    since: number,
    upto: number,
    visit: (row: number, start: number) => void,
  ): Promise<void> {
    for (let end = to; end > from;) {
      const begin = Math.max(from, end - (ROWS_A_TURN - this.#looked));
      // The index replaces its arrays when rows are added.
      const { namespaces, names, starts } = index;
      for (let row = end - 1; row >= begin; row--) {
        if (namespaces[row] !== namespace) continue;
        if (name !== undefined && names[row] !== name) continue;
        const start = starts[row]!;
        if (start >= since && start <= upto) visit(row, start);
      }
      this.#looked += end - begin;
      end = begin;
      if (this.#looked < ROWS_A_TURN) continue;
      this.#looked = 0;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
