import fc from 'fast-check';
import { MergedRecords, type RecordArchive } from './merged-records.js';
import { RecordsUnavailableError } from './record/errors.js';
import type { ActivationRecord, RecordReader } from './record/record.js';
import { idOf, recordOf } from './testing/record-log.js';

/** A reader of a list, which may change between two calls. */
function readerOf(records: () => readonly ActivationRecord[]): RecordReader & RecordArchive {
  const sorted = (): ActivationRecord[] => [...records()].sort((a, b) => b.start - a.start);
  return {
    get: (_namespace, id) => Promise.resolve(records().find(({ activationId }) => activationId === id)),
    list: (_filter, skip, limit) => Promise.resolve(sorted().slice(skip, skip + limit)),
    count: (_filter, skip) => Promise.resolve(Math.max(0, records().length - skip)),
    present: (_namespace, ids) =>
      Promise.resolve(records().filter(({ activationId }) => ids.includes(activationId)).length),
  };
}

const failing: RecordReader & RecordArchive = {
  get: () => Promise.reject(new Error('away')),
  list: () => Promise.reject(new Error('away')),
  count: () => Promise.reject(new Error('away')),
  present: () => Promise.reject(new Error('away')),
};

const filter = { namespace: 'guest' };
const unavailable = { code: 'RECORDS_UNAVAILABLE', retryable: true };

test('pages and counts are right however records are spread, and while they are carried', async () => {
  const places = fc.array(fc.record({ own: fc.boolean(), other: fc.boolean(), archive: fc.boolean() }), {
    maxLength: 60,
  });
  await fc.assert(
    fc.asyncProperty(places, fc.nat(70), fc.nat(20), fc.boolean(), async (spread, skip, limit, carriedMeanwhile) => {
      const all = spread.map((_, number) => recordOf(number));
      const logged = all.filter((_, i) => spread[i]!.own || spread[i]!.other || !spread[i]!.archive);
      let archived = all.filter((_, i) => spread[i]!.archive);
      const own = readerOf(() => logged.filter((_, i) => i % 2 === 0));
      const other = readerOf(() => logged.filter((_, i) => i % 3 !== 0 || i % 2 !== 0));
      const askedLast: RecordReader = {
        ...other,
        list: (...asked) => {
          // Between the look at the logs and that at the archive all is carried.
          const listed = other.list(...asked);
          if (carriedMeanwhile) archived = all;
          return listed;
        },
      };
      const merged = new MergedRecords({ own, others: () => [askedLast], archive: readerOf(() => archived) });
      const expected = [...all].reverse().slice(skip, skip + limit);
      expect(await merged.list(filter, skip, limit, true)).toEqual(expected);
      expect(await merged.list(filter, skip, limit)).toEqual(expected);
      expect(await merged.count(filter, skip)).toBe(Math.max(0, all.length - skip));
    }),
  );
});

/**
 * An archive to which the next batch comes after this many of its answers, and one more after each further answer, as
 * long as there are any.
 */
function filling(all: readonly ActivationRecord[], batches: number, first: number): RecordReader & RecordArchive {
  const size = Math.ceil(all.length / batches);
  let answers = 0;
  const archived = readerOf(() => all.slice(0, size * Math.max(0, answers - first)));
  const then = async <T>(answer: Promise<T>): Promise<T> => {
    const given = await answer;
    answers++;
    return given;
  };
  return {
    get: (...asked) => archived.get(...asked),
    list: (...asked) => then(archived.list(...asked)),
    count: (...asked) => then(archived.count(...asked)),
    present: (...asked) => then(archived.present(...asked)),
  };
}

test('a page is right when batches are carried in its middle, at whatever place', async () => {
  const all = Array.from({ length: 24 }, (_, number) => recordOf(number));
  for (const batches of [1, 2, 4, 8]) {
    for (let first = -3; first <= 3; first++) {
      for (const [skip, limit] of [
        [0, 5],
        [3, 5],
        [20, 10],
        [25, 5],
      ] as const) {
        // The log is read before a batch is carried: it has all records still, or the newest half.
        for (const waiting of [all, all.slice(12)]) {
          const archive = filling([...all.slice(0, 24 - waiting.length), ...waiting], batches, first);
          const before = await archive.list(filter, 0, 100);
          if (before.length < 24 - waiting.length) continue;
          const merged = new MergedRecords({ own: readerOf(() => waiting), archive });
          const page = await merged.list(filter, skip, limit, true);
          expect(page).toEqual([...all].reverse().slice(skip, skip + limit));
        }
      }
    }
  }
});

test('a page that is never of one moment is unavailable', async () => {
  const all = Array.from({ length: 100 }, (_, number) => recordOf(number));
  const merged = new MergedRecords({ own: readerOf(() => all), archive: filling(all, 100, -40) });
  await expect(merged.list(filter, 101, 5, true)).rejects.toMatchObject(unavailable);
});

test('a record on hand is given whatever else fails; what is not found then is unavailable, not absent', async () => {
  const log = readerOf(() => [recordOf(1)]);
  const none = readerOf(() => []);
  const cases = [
    new MergedRecords({ own: log, others: () => [failing], archive: failing }),
    new MergedRecords({ own: failing, others: () => [failing, log], archive: failing }),
    new MergedRecords({ own: none, others: () => [failing], archive: log }),
  ];
  for (const merged of cases) {
    expect(await merged.get('guest', idOf(1))).toEqual(recordOf(1));
    await expect(merged.get('guest', idOf(2))).rejects.toMatchObject(unavailable);
    await expect(merged.list(filter, 0, 10)).rejects.toMatchObject(unavailable);
    await expect(merged.count(filter, 0)).rejects.toMatchObject(unavailable);
  }
  const whole = new MergedRecords({ own: none, archive: log });
  expect(await whole.get('guest', idOf(2))).toBeUndefined();
});

test('what cannot be read is named', async () => {
  const away = { ...failing, place: 'the host host0' };
  const merged = new MergedRecords({
    own: readerOf(() => []),
    others: () => [away],
    archive: { ...failing, place: 'CouchDB' },
  });
  await expect(merged.get('guest', idOf(1))).rejects.toThrow(
    'Some activation records cannot be read now: those of the host host0, CouchDB.',
  );
  await expect(merged.list(filter, 0, 10)).rejects.toThrow('those of the host host0.');
  // Why it cannot be read is told where it is made to be.
  const why = new RecordsUnavailableError('12 records are not in the views yet.');
  const late = { ...readerOf(() => []), count: () => Promise.reject(why) };
  await expect(new MergedRecords({ own: readerOf(() => []), archive: late }).count(filter, 0)).rejects.toBe(why);
});

test('of several records of an activation the same is given and counted everywhere: what its caller was told', async () => {
  const told = recordOf(1, { status: 3, annotations: { lostHost: 'host0' } });
  const later = recordOf(1, { status: 0, start: told.start + 5, end: told.end + 9 });
  const readers = [() => [told], () => [later], () => []];
  for (const own of readers) {
    for (const other of readers) {
      for (const archive of readers) {
        const places = [own(), other(), archive()].flat();
        if (!places.includes(told)) continue;
        // The log of a process has what it wrote last: the gateway's alone has what it has given up.
        if (own()[0] === later) continue;
        const merged = new MergedRecords({
          own: readerOf(own),
          others: () => [readerOf(other)],
          archive: readerOf(archive),
        });
        expect(await merged.get('guest', idOf(1))).toEqual(told);
        for (const brief of [true, false]) expect(await merged.list(filter, 0, 10, brief)).toEqual([told]);
        expect(await merged.list(filter, 1, 10)).toEqual([]);
        expect(await merged.count(filter, 0)).toBe(1);
      }
    }
  }
});

test('the version in a log is later than that in the archive', async () => {
  const later = recordOf(1, { logs: ['late'] });
  const merged = new MergedRecords({
    own: readerOf(() => []),
    others: () => [readerOf(() => [later])],
    archive: readerOf(() => [recordOf(1)]),
  });
  expect(await merged.get('guest', idOf(1))).toEqual(later);
  expect(await merged.list(filter, 0, 10)).toEqual([later]);
});
