import type { ActivationRecord, RecordFilter, RecordReader } from '../record/record.js';
import { idOf, recordOf } from './record-log.js';

/** A reader under test, and how records come to it. */
export interface ReaderUnderTest {
  readonly reader: RecordReader;
  /** Resolves when they can be read. A later one of an activation replaces the one before. */
  add(...records: readonly ActivationRecord[]): Promise<void>;
  close(): Promise<void>;
}

const ids = (records: readonly ActivationRecord[]): string[] => records.map(({ activationId }) => activationId);

/** The behaviour of every reader of records; `open` gives an empty one. */
export function recordReaderContract(name: string, open: () => Promise<ReaderUnderTest>): void {
  describe(`${name}, as a reader of records`, () => {
    let under: ReaderUnderTest;
    beforeEach(async () => {
      under = await open();
    });
    afterEach(() => under.close());

    const list = async (filter: Partial<RecordFilter>, skip = 0, limit = 100): Promise<string[]> =>
      ids(await under.reader.list({ namespace: 'guest', ...filter }, skip, limit));
    const count = (filter: Partial<RecordFilter>, skip = 0): Promise<number> =>
      under.reader.count({ namespace: 'guest', ...filter }, skip);

    test('gives a record as it was written', async () => {
      const full = recordOf(1, {
        cause: idOf(2),
        status: 1,
        result: '{"error":"größer ☃","list":[1,{"a":null}]}',
        logs: ['2024-01-01T00:00:00.123456789Z stdout: "hi"', 'ünï'],
        annotations: { path: 'guest/p/hello', waitTime: 3, dataflow: { queued: 1.5, tag: [1, 2], coldStart: true } },
      });
      const trigger = recordOf(3, { end: 0, duration: 0, annotations: {} });
      await under.add(full, trigger);
      expect(await under.reader.get('guest', full.activationId)).toEqual(full);
      expect(await under.reader.get('guest', trigger.activationId)).toEqual(trigger);
      expect(await under.reader.list({ namespace: 'guest' }, 0, 10)).toEqual([trigger, full]);
    });

    test('knows no record of another namespace, nor one that is not there', async () => {
      await under.add(recordOf(1));
      expect(await under.reader.get('other', idOf(1))).toBeUndefined();
      expect(await under.reader.get('guest', idOf(2))).toBeUndefined();
      expect(await list({ namespace: 'other' })).toEqual([]);
      expect(await count({ namespace: 'other' })).toBe(0);
      expect(await list({ namespace: 'guest/hello' })).toEqual([]);
    });

    test('lists the newest first, in pages, between two times', async () => {
      const start = recordOf(0).start;
      await under.add(...[3, 1, 5, 2, 4].map((number) => recordOf(number)));
      expect(await list({})).toEqual([5, 4, 3, 2, 1].map(idOf));
      expect(await list({}, 1, 2)).toEqual([4, 3].map(idOf));
      expect(await list({}, 4, 2)).toEqual([1].map(idOf));
      expect(await list({}, 9, 2)).toEqual([]);
      expect(await list({}, 0, 0)).toEqual([]);
      expect(await list({ since: start + 2, upto: start + 4 })).toEqual([4, 3, 2].map(idOf));
      expect(await list({ since: start + 5 })).toEqual([5].map(idOf));
      expect(await list({ upto: start })).toEqual([]);
    });

    test('counts what it would list, less what is skipped', async () => {
      const start = recordOf(0).start;
      await under.add(...[1, 2, 3, 4, 5].map((number) => recordOf(number)));
      expect(await count({})).toBe(5);
      expect(await count({}, 2)).toBe(3);
      expect(await count({}, 7)).toBe(0);
      expect(await count({ since: start + 2, upto: start + 4 })).toBe(3);
    });

    test('finds names by package as OpenWhisk does, of bindings by the binding’s', async () => {
      await under.add(
        recordOf(1, { name: 'a', annotations: { path: 'guest/a' } }),
        recordOf(2, { name: 'a', annotations: { path: 'guest/p/a' } }),
        recordOf(3, { name: 'a', annotations: { path: 'provider/q/a', binding: 'guest/bound' } }),
        recordOf(4, { name: 'b', annotations: {} }),
      );
      const found = await Promise.all(
        ['a', 'p/a', 'q/a', 'bound/a', 'b', 'c'].map(async (name) => [await list({ name }), await count({ name })]),
      );
      const of = (...numbers: number[]): unknown => [numbers.map(idOf), numbers.length];
      expect(found).toEqual([of(1), of(2), of(), of(3), of(4), of()]);
      expect(await list({ name: 'a', since: recordOf(2).start })).toEqual([]);
    });

    test('in brief leaves out results and logs', async () => {
      const record = recordOf(1, { logs: ['a'], cause: idOf(9) });
      await under.add(record);
      const brief = { ...record, result: '{}', logs: [] };
      expect(await under.reader.list({ namespace: 'guest' }, 0, 10, true)).toEqual([brief]);
    });

    test('shows a record that was written again once, as it is now', async () => {
      await under.add(recordOf(1), recordOf(2));
      await under.add(recordOf(1, { logs: ['late'] }));
      expect((await under.reader.get('guest', idOf(1)))?.logs).toEqual(['late']);
      const listed = await under.reader.list({ namespace: 'guest' }, 0, 10);
      expect(listed.map(({ logs }) => logs)).toEqual([[], ['late']]);
      expect(await count({})).toBe(2);
    });

    test('pages are complete and without repeats where many began at once', async () => {
      const { start } = recordOf(0);
      const all = Array.from({ length: 30 }, (_, number) => recordOf(number, { start: start + (number >> 3) }));
      await under.add(...all);
      const pages: string[] = [];
      for (let skip = 0; skip < 35; skip += 7) pages.push(...(await list({}, skip, 7)));
      expect(pages).toEqual(ids(all).reverse());
    });
  });
}
