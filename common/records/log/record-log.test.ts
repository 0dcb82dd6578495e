import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import type { ActivationRecord, RecordFilter } from '../record/record.js';
import type { RecordLog } from './record-log-options.js';
import { createRecordLog } from './record-log.js';
import { listedName } from '../record/record-codec.js';
import { TestClock } from '../../testing/test-clock.js';
import { SmallDisk, idOf, recordOf, temporaryDirectory, written } from '../testing/record-log.js';

let dir: string;
let log: RecordLog;

beforeEach(() => {
  dir = temporaryDirectory();
});

afterEach(async () => {
  await log.close();
  fs.rmSync(dir, { recursive: true });
});

describe('a record', () => {
  it('is readable from the moment it is appended, and just the same from disk and after a restart', async () => {
    log = await createRecordLog({ dir });
    const record = recordOf(1, {
      cause: idOf(2),
      status: 1,
      result: '{"error": "größer ☃ \\ud800", "big":12345678901234567890,"a":1.0}',
      logs: ['2024-01-01T00:00:00.123456789Z stdout: "hi"\n', 'ünï'],
      annotations: { path: 'guest/p/hello', waitTime: 3, tag: [1, 2], nothing: null, dataflow: { queued: 1.5 } },
    });
    log.append(record);
    expect(await log.get('guest', record.activationId)).toEqual(record);
    await written(log);
    expect(await log.get('guest', record.activationId)).toEqual(record);
    await log.close();
    log = await createRecordLog({ dir });
    expect(await log.get('guest', record.activationId)).toEqual(record);
    expect(await log.list({ namespace: 'guest' }, 0, 10)).toEqual([record]);
  });

  it('is nobody else’s, and unknown ids are not found', async () => {
    log = await createRecordLog({ dir });
    log.append(recordOf(1));
    expect(await log.get('other', idOf(1))).toBeUndefined();
    expect(await log.get('guest', idOf(2))).toBeUndefined();
    expect(await log.get('guest', 'not an id')).toBeUndefined();
  });

  it('with a bad id or an annotation that is no JSON is refused and changes nothing', async () => {
    log = await createRecordLog({ dir });
    for (const activationId of ['', 'x'.repeat(32), 'A'.repeat(32), '0'.repeat(33)]) {
      expect(() => log.append(recordOf(1, { activationId }))).toThrow(
        expect.objectContaining({ code: 'BAD_ACTIVATION_ID' }),
      );
    }
    expect(() => log.append(recordOf(1, { annotations: { big: 1n } }))).toThrow(TypeError);
    expect(log.metrics).toMatchObject({ records: 0, unwrittenBytes: 0, bytes: 0 });
  });

  it('of any size goes through', async () => {
    log = await createRecordLog({ dir, segmentBytes: 1024 * 1024 });
    const records = [0, 1, 100_000, 262_100, 262_144, 3_000_000].map((length, i) =>
      recordOf(i, { result: `"${'ü'.repeat(length)}"`, logs: ['y'.repeat(length)] }),
    );
    for (const record of records) log.append(record);
    for (const record of records) expect(await log.get('guest', record.activationId)).toEqual(record);
    await written(log);
    for (const record of records) expect(await log.get('guest', record.activationId)).toEqual(record);
  });

  it('appended again under its id replaces the first in get', async () => {
    log = await createRecordLog({ dir });
    log.append(recordOf(1));
    log.append(recordOf(1, { result: '{"second":true}' }));
    expect((await log.get('guest', idOf(1)))!.result).toBe('{"second":true}');
  });

  it('appended again under its id is listed and counted once, also from segments of before and after a crash', async () => {
    log = await createRecordLog({ dir, maxBytes: 8 * 4096 });
    log.append(recordOf(1));
    for (let i = 2; i < 20; i++) log.append(recordOf(i));
    await written(log);
    log.append(recordOf(1, { logs: ['late'] }), true);
    const once = async (): Promise<void> => {
      const listed = await log.list({ namespace: 'guest' }, 0, 100);
      expect(listed.filter(({ activationId }) => activationId === idOf(1)).map(({ logs }) => logs)).toEqual([['late']]);
      expect(await log.count({ namespace: 'guest' }, 0)).toBe(listed.length);
    };
    await once();
    await log.close();
    for (const file of fs.readdirSync(dir)) if (file.endsWith('.idx')) fs.rmSync(path.join(dir, file));
    log = await createRecordLog({ dir, maxBytes: 8 * 4096 });
    await once();
  });
});

describe('writing', () => {
  it('is one write a turn of the loop, whatever the number of records', async () => {
    const files = new SmallDisk();
    log = await createRecordLog({ dir, files });
    for (let turn = 1; turn <= 3; turn++) {
      for (let i = 0; i < 100; i++) log.append(recordOf(turn * 1000 + i));
      expect(files.writes).toBe(turn - 1);
      await written(log);
      expect(files.writes).toBe(turn);
    }
  });

  it('comes before the callbacks of `written`, which come in order', async () => {
    log = await createRecordLog({ dir });
    const called: number[] = [];
    log.append(recordOf(1));
    log.written(() => called.push(1));
    log.append(recordOf(2));
    log.written(() => {
      called.push(2);
      expect(log.metrics.unwrittenBytes).toBe(0);
    });
    expect(called).toEqual([]);
    await written(log);
    expect(called).toEqual([1, 2]);
    await written(log);
  });

  it('of what is queued happens on close', async () => {
    log = await createRecordLog({ dir });
    for (let i = 0; i < 10; i++) log.append(recordOf(i));
    await log.close();
    expect(() => log.append(recordOf(11))).toThrow(expect.objectContaining({ code: 'RECORD_LOG_CLOSED' }));
    log = await createRecordLog({ dir });
    expect(await log.count({ namespace: 'guest' }, 0)).toBe(10);
  });
});

describe('the directory', () => {
  it('is refused to a second log, with the process that has it', async () => {
    log = await createRecordLog({ dir });
    await expect(createRecordLog({ dir })).rejects.toMatchObject({
      code: 'RECORD_LOG_LOCKED',
      message: `The record directory ${dir} is in use by process ${process.pid}: stop that process or choose another directory.`,
    });
    await log.close();
    log = await createRecordLog({ dir });
  });

  it('is taken over from a dead process', async () => {
    const pid = execFileSync(process.execPath, ['-p', 'process.pid'], { encoding: 'utf8' }).trim();
    fs.writeFileSync(path.join(dir, 'lock'), `${pid}-12345\n`);
    log = await createRecordLog({ dir });
    expect(fs.readFileSync(path.join(dir, 'lock'), 'utf8')).toMatch(new RegExp(`^${process.pid}-`));
  });

  it('is taken over when the lock says nothing', async () => {
    fs.writeFileSync(path.join(dir, 'lock'), '');
    log = await createRecordLog({ dir });
  });

  it('is free again when opening fails', async () => {
    fs.mkdirSync(path.join(dir, 'records-000000000001.log'));
    await expect(createRecordLog({ dir })).rejects.toMatchObject({ code: 'EISDIR' });
    fs.rmdirSync(path.join(dir, 'records-000000000001.log'));
    log = await createRecordLog({ dir });
  });
});

describe('retention', () => {
  it('drops the oldest segments beyond the bytes, whole and with their files', async () => {
    log = await createRecordLog({ dir, maxBytes: 64 * 1024, segmentBytes: 8 * 1024 });
    for (let i = 0; i < 1000; i++) {
      log.append(recordOf(i));
      if (i % 10 === 0) await written(log);
    }
    await written(log);
    const { bytes, segments, records } = log.metrics;
    expect(bytes).toBeLessThanOrEqual(64 * 1024);
    expect(segments).toBeGreaterThanOrEqual(6);
    const kept = (await log.list({ namespace: 'guest' }, 0, 1000)).map(({ activationId }) => activationId);
    expect(kept).toEqual(Array.from({ length: records }, (_, i) => idOf(999 - i)));
    expect(await log.get('guest', idOf(0))).toBeUndefined();
    await log.close();
    expect(fs.readdirSync(dir).filter((name) => name.endsWith('.log')).length).toBe(segments);
    expect(fs.readdirSync(dir).filter((name) => name.endsWith('.idx')).length).toBe(segments);
  });

  it('drops segments whose records are all too old, on a quiet host too', async () => {
    const clock = new TestClock(4_000_000_000_000);
    log = await createRecordLog({ dir, clock, maxAgeMs: 1000, segmentBytes: 500 });
    log.append(recordOf(0, { start: clock.now() - 600 }));
    log.append(recordOf(1, { start: clock.now() - 500 }));
    await written(log);
    clock.advance(300);
    expect(await log.count({ namespace: 'guest' }, 0)).toBe(2);
    clock.advance(2000);
    expect(await log.count({ namespace: 'guest' }, 0)).toBe(0);
    log.append(recordOf(2, { start: clock.now() }));
    expect(await log.count({ namespace: 'guest' }, 0)).toBe(1);
  });

  it('leaves out of a listing what is dropped while it is read', async () => {
    log = await createRecordLog({ dir, maxBytes: 16 * 1024, segmentBytes: 2 * 1024 });
    for (let i = 0; i < 20; i++) log.append(recordOf(i));
    await written(log);
    for (const name of fs.readdirSync(dir)) if (name.endsWith('1.log')) fs.rmSync(path.join(dir, name));
    const left = await log.list({ namespace: 'guest' }, 0, 100);
    expect(left.length).toBeGreaterThan(0);
    expect(left.length).toBeLessThan(20);
  });
});

describe('listing', () => {
  it('agrees with a naive model, for any records, filters, skip and limit, queued or written', async () => {
    const namespaces = ['guest', 'other'];
    const actions: Partial<ActivationRecord>[] = [
      { name: 'a', annotations: { path: 'guest/a' } },
      { name: 'a', annotations: { path: 'guest/p/a' } },
      { name: 'a', annotations: { path: 'provider/q/a', binding: 'guest/p' } },
      { name: 'b', annotations: {} },
    ];
    const made = fc.record({
      namespace: fc.constantFrom(...namespaces),
      action: fc.nat({ max: actions.length - 1 }),
      start: fc.oneof(fc.integer({ min: 1000, max: 1020 }), fc.integer({ min: 1010, max: 1011 })),
    });
    const filters: fc.Arbitrary<RecordFilter> = fc.record(
      {
        namespace: fc.constantFrom(...namespaces),
        name: fc.constantFrom('a', 'p/a', 'q/a', 'b', 'c'),
        since: fc.integer({ min: 995, max: 1025 }),
        upto: fc.integer({ min: 995, max: 1025 }),
      },
      { requiredKeys: ['namespace'] },
    );
    const page = fc.record({
      skip: fc.oneof(fc.constant(0), fc.nat({ max: 30 })),
      limit: fc.oneof(fc.nat({ max: 3 }), fc.nat({ max: 30 })),
    });
    log = await createRecordLog({ dir });
    let number = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(made, { maxLength: 60, size: 'max' }),
        fc.array(fc.tuple(filters, page), { minLength: 1, maxLength: 5 }),
        async (plans, queries) => {
          const place = temporaryDirectory();
          const listed = await createRecordLog({ dir: place, segmentBytes: 1500, maxAgeMs: Infinity });
          const records = plans.map((plan) =>
            recordOf(number++, { ...actions[plan.action], namespace: plan.namespace, start: plan.start }),
          );
          for (const [i, record] of records.entries()) {
            listed.append(record);
            if (i % 20 === 13) await written(listed);
          }
          for (const [filter, { skip, limit }] of queries) {
            const model = records
              .map((record, i) => ({ record, i }))
              .filter(({ record }) => record.namespace === filter.namespace)
              .filter(({ record }) => filter.name === undefined || listedName(record) === filter.name)
              .filter(({ record }) => record.start >= (filter.since ?? 0) && record.start <= (filter.upto ?? Infinity))
              .sort((x, y) => y.record.start - x.record.start || y.i - x.i)
              .map(({ record }) => record);
            expect(await listed.list(filter, skip, limit)).toEqual(model.slice(skip, skip + limit));
            expect(await listed.count(filter, skip)).toBe(Math.max(0, model.length - skip));
          }
          await listed.close();
          fs.rmSync(place, { recursive: true });
        },
      ),
      { numRuns: 60 },
    );
  });

  it('shows of records with one start the last appended first, over all segments', async () => {
    log = await createRecordLog({ dir, segmentBytes: 500 });
    for (let i = 0; i < 10; i++) log.append(recordOf(i, { start: 4_000_000_000_000 }));
    expect(log.metrics.segments).toBeGreaterThan(3);
    for (let limit = 1; limit <= 10; limit++) {
      const ids = (await log.list({ namespace: 'guest' }, 0, limit)).map(({ activationId }) => activationId);
      expect(ids).toEqual(Array.from({ length: limit }, (_, i) => idOf(9 - i)));
    }
  });

  it('in brief leaves out results and logs', async () => {
    log = await createRecordLog({ dir });
    const records = [
      recordOf(1, { result: `"${'x'.repeat(100_000)}"`, logs: ['line'] }),
      recordOf(2, { annotations: { path: 'guest/hello', long: 'y'.repeat(10_000) }, logs: ['line'] }),
    ];
    for (const record of records) log.append(record);
    const brief = records.map((record) => ({ ...record, result: '{}', logs: [] })).reverse();
    expect(await log.list({ namespace: 'guest' }, 0, 10, true)).toEqual(brief);
    await written(log);
    expect(await log.list({ namespace: 'guest' }, 0, 10, true)).toEqual(brief);
  });

  it('names packaged actions by package, bound ones by the binding, as OpenWhisk’s view does', () => {
    const name = (annotations: Record<string, unknown>): string => listedName({ name: 'a', annotations });
    expect(name({})).toBe('a');
    expect(name({ path: 'guest/a' })).toBe('a');
    expect(name({ path: 'guest/p/a' })).toBe('p/a');
    expect(name({ path: 'x/y/z/a' })).toBe('a');
    expect(name({ path: 'provider/p/a', binding: 'guest/bound' })).toBe('bound/a');
    expect(name({ path: 5, binding: 'odd' })).toBe('a');
  });
});

it('200 000 records take at most 64 bytes each in memory', async () => {
  log = await createRecordLog({ dir, segmentBytes: 4 * 1024 * 1024 });
  for (let i = 0; i < 200_000; i++) {
    log.append(recordOf(i, { annotations: { path: 'guest/hello' } }));
    if (i % 2000 === 0) await written(log);
  }
  await written(log);
  const { records, indexBytes } = log.metrics;
  expect(records).toBe(200_000);
  expect(indexBytes / records).toBeLessThanOrEqual(64);
  expect((await log.get('guest', idOf(123_456)))!.result).toBe('{"number":123456}');
});

describe('when records are written', () => {
  it('what nobody waits for goes out together a little later; who waits brings it forward', async () => {
    const clock = new TestClock(4_000_000_000_000);
    const files = new SmallDisk();
    log = await createRecordLog({ dir, clock, files });
    log.append(recordOf(0));
    log.append(recordOf(1));
    await new Promise(setImmediate);
    expect(files.writes).toBe(0);
    clock.advance(5);
    expect(files.writes).toBe(1);
    log.append(recordOf(2));
    await written(log);
    expect(files.writes).toBe(2);
    clock.advance(5);
    expect(files.writes).toBe(2);
  });
});
