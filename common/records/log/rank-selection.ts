import { type RowScan, type Span } from './row-scan.js';

const BUCKETS = 1024;

/** The start at a rank, and the rank's place among equal starts. */
export interface RankedStart {
  /** The start of the row with this rank. */
  readonly start: number;
  /** Rows with this start that precede it. */
  readonly before: number;
}

/**
 * The start of the row that `rank` rows precede, newest start first; undefined when there are fewer. Counts rows in ever
 * narrower buckets of time, and so needs no memory for the rows, however many are skipped.
 */
export async function selectStartByRank(
  scan: RowScan,
  spans: readonly Span[],
  since: number,
  upto: number,
  rank: number,
): Promise<RankedStart | undefined> {
  let low = Math.max(since, Math.min(...spans.map(({ index }) => index.minStart)));
  let high = Math.min(upto, Math.max(...spans.map(({ index }) => index.maxStart)));
  for (let left = rank; ;) {
    const buckets = await bucketsOf(scan, spans, low, high);
    // The newest first.
    let at = BUCKETS - 1;
    for (; at >= 0 && buckets.counts[at]! <= left; at--) left -= buckets.counts[at]!;
    if (at < 0) return undefined;
    low = buckets.lowest[at]!;
    high = buckets.highest[at]!;
    if (low === high) return { start: low, before: left };
  }
}

interface Buckets {
  readonly counts: Float64Array;
  readonly lowest: Float64Array;
  readonly highest: Float64Array;
}

async function bucketsOf(scan: RowScan, spans: readonly Span[], low: number, high: number): Promise<Buckets> {
  const counts = new Float64Array(BUCKETS);
  const lowest = new Float64Array(BUCKETS).fill(Infinity);
  const highest = new Float64Array(BUCKETS).fill(-Infinity);
  const perMs = high > low ? (BUCKETS - 1) / (high - low) : 0;
  for (const span of spans) {
    if (span.index.minStart > high || span.index.maxStart < low) continue;
    await scan.visit(span, low, high, (_row, start) => {
      const at = Math.floor((start - low) * perMs);
      counts[at]!++;
      if (start < lowest[at]!) lowest[at] = start;
      if (start > highest[at]!) highest[at] = start;
    });
  }
  return { counts, lowest, highest };
}
