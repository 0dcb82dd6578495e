import { turnsDuring } from '../../testing/turns-during.js';
import { countRows, newestRows } from './listing.js';
import type { RecordFilter } from '../record/record.js';
import { idOf } from '../testing/record-log.js';
import { Segment } from './segment.js';
import { parseId } from './segment-index.js';

interface Row {
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly start: number;
}

/** Segments of so many rows each, and their rows in the order of appending. */
function segmentsOf(sizes: readonly number[], row: (number: number) => Omit<Row, 'key'>): [Segment[], Row[]] {
  const rows: Row[] = [];
  const segments = sizes.map((size, i) => {
    const segment = new Segment('/none', i + 1);
    for (let at = 0; at < size; at++) {
      const made = row(rows.length);
      parseId(idOf(rows.length));
      segment.index.add(at, 1, made.start, made.namespace, made.name);
      rows.push({ key: `${i + 1}/${at}`, ...made });
    }
    return segment;
  });
  return [segments, rows];
}

/** A number that looks random and is the same in every run. */
const noise = (number: number): number => (Math.imul(number ^ (number >>> 7), 0x9e3779b1) >>> 8) % 100_000;

function inOrder(rows: readonly Row[], { namespace, name, since = 0, upto = Infinity }: RecordFilter): string[] {
  return rows
    .map((row, at) => ({ ...row, at }))
    .filter((row) => row.namespace === namespace && (name === undefined || row.name === name))
    .filter(({ start }) => start >= since && start <= upto)
    .sort((a, b) => b.start - a.start || b.at - a.at)
    .map(({ key }) => key);
}

test.each([
  ['that are all different', (i: number) => i * 3],
  ['in an order of their own', (i: number) => noise(i)],
  ['that are few', (i: number) => noise(i) % 5],
  ['that are one', () => 7],
  ['that are no whole numbers', (i: number) => noise(i) / 1000],
  ['below zero, zero and far apart', (i: number) => ((i % 3) - 1) * (noise(i) % 4) * 1e12],
])('a page is the same wherever it begins, of starts %s', async (_what, start) => {
  const [segments, rows] = segmentsOf([3000, 1, 4000, 2500], (i) => ({
    namespace: i % 5 === 0 ? 'other' : 'guest',
    name: `n${i % 3}`,
    start: start(i),
  }));
  const filters: RecordFilter[] = [
    { namespace: 'guest' },
    { namespace: 'guest', name: 'n1' },
    { namespace: 'guest', since: start(10), upto: start(9000) },
    { namespace: 'none' },
  ];
  for (const filter of filters) {
    const expected = inOrder(rows, { since: -Infinity, ...filter });
    expect(await countRows(segments, filter)).toBe(expected.length);
    for (const skip of [0, 1, 1990, 2000, 3333, 5000, expected.length - 3, expected.length, expected.length + 1, 1e9])
      for (const limit of [1, 30, 200]) {
        if (skip < 0) continue;
        const page = await newestRows(segments, filter, skip, limit);
        expect(page.map(({ segment, row }) => `${segment.sequence}/${row}`)).toEqual(
          expected.slice(skip, skip + limit),
        );
      }
  }
});

test('a listing of many rows leaves the loop to others, and one beyond the end looks at none', async () => {
  const [segments] = segmentsOf([400_000, 400_000], (i) => ({ namespace: 'guest', name: 'n', start: noise(i) }));
  const filter = { namespace: 'guest' };
  expect((await turnsDuring(() => newestRows(segments, filter, 700_000, 200))).turns).toBeGreaterThan(10);
  expect((await turnsDuring(() => countRows(segments, filter))).turns).toBeGreaterThan(5);
  expect((await turnsDuring(() => newestRows(segments, filter, Number.MAX_SAFE_INTEGER, 200))).turns).toBe(0);
  expect(await newestRows(segments, filter, Number.MAX_SAFE_INTEGER, 200)).toEqual([]);
});

test('rows that are added meanwhile are not in the page', async () => {
  const [segments] = segmentsOf([300_000], (i) => ({ namespace: 'guest', name: 'n', start: i }));
  const listing = newestRows(segments, { namespace: 'guest' }, 250_000, 2);
  for (let i = 0; i < 300_000; i++) {
    parseId(idOf(300_000 + i));
    segments[0]!.index.add(0, 1, 300_000 + i, 'guest', 'n');
  }
  expect((await listing).map(({ start }) => start)).toEqual([49_999, 49_998]);
});
