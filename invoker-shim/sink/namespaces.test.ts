import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { until, TestClock } from '@dataflower/common/testing';
import { type DataSink, type DataSinkOptions, type MeasuredDataSink, type Value, createDataSink } from './index.js';
import { diskFiles } from './spiller.js';

// Limits of 1000 bytes: one that is alone has 900.

let base: string;
let sink: MeasuredDataSink;
let a: DataSink;
let b: DataSink;
const clock = new TestClock();

beforeEach(() => {
  base = fs.mkdtempSync(path.join(os.tmpdir(), 'namespaces-'));
});
afterEach(async () => {
  await sink.close();
  expect(clock.timers).toBe(0);
  fs.rmdirSync(base);
});

function open(options: DataSinkOptions = {}): void {
  sink = createDataSink({ limitBytes: 1000, spillDir: base, handoverDir: false, clock, ...options });
  a = sink.forNamespace('a');
  b = sink.forNamespace('b');
}

const put = (into: DataSink, size: number): Value => into.put(Buffer.alloc(size), 0);

function waiting(into: DataSink, size: number): Value {
  const value = put(into, size);
  value.setWaiting(true);
  return value;
}

/** Bytes that a namespace puts in, one by one, while it has room. */
function fill(into: DataSink): Value[] {
  const values: Value[] = [];
  while (into.hasRoom) values.push(put(into, 1));
  return values;
}

const failing = { ...diskFiles, write: () => Promise.reject(new Error('the disk is full')) };

test('one that is alone has nine tenths, another finds room at once, and two that want more have the same', () => {
  open();
  const first = fill(a);
  expect(first).toHaveLength(901);
  const second = fill(b);
  expect(second.length).toBeGreaterThan(50);
  expect(sink.forNamespace('c').hasRoom).toBe(true);
  // Freed room goes to the namespace that has less, until both have the same.
  for (let i = 0; i < 1000; i++) {
    first.pop()!.release();
    second.push(...fill(b));
    first.push(...fill(a));
  }
  expect(Math.abs(first.length - second.length)).toBeLessThan(50);
  expect(first.length + second.length).toBeGreaterThan(850);
  expect(sink.residentBytes).toBeLessThanOrEqual(1000);
  for (const value of [...first, ...second]) value.release();
});

test('one with a value far beyond the limit takes nobody else’s room', () => {
  open();
  const big = put(a, 3000);
  expect(a.hasRoom).toBe(false);
  let granted = 0;
  a.whenRoom(() => granted++);
  b.whenRoom(() => granted++);
  expect(granted).toBe(1);
  const values = fill(b);
  expect(values.length).toBeGreaterThan(80);
  values.push(...fill(sink.forNamespace('c')));
  expect(sink.residentBytes).toBeLessThanOrEqual(3000 + 101);
  for (const value of [big, ...values]) value.release();
});

test('what comes in counts for its namespace from its announcement: beyond its share it goes to a file, that of others does not', async () => {
  open();
  const first = a.receive(900, true);
  expect([first.inMemory, a.hasRoom, b.hasRoom]).toEqual([true, true, true]);
  const second = a.receive(10, true);
  expect(second.inMemory).toBe(false);
  const other = b.receive(90, true);
  expect([other.inMemory, b.hasRoom, sink.residentBytes]).toEqual([true, true, 990]);
  const beyond = b.receive(1, true);
  expect(beyond.inMemory).toBe(false);
  beyond.discard();
  first.discard();
  const again = a.receive(10, true);
  expect(again.inMemory).toBe(true);
  await second.write(Buffer.alloc(10));
  const values = [await second.seal(0), await other.seal(0), await again.seal(0)];
  expect(sink.metrics).toMatchObject({ values: 3, residentBytes: 100, spilledBytes: 10 });
  for (const value of values) value.release();
  expect(sink.metrics).toMatchObject({ values: 0, residentBytes: 0, spilledBytes: 0 });
});

test('who waits for room in one is let in by room in that one, whoever came before', async () => {
  open();
  const big = put(a, 3000);
  const small = fill(b);
  const let_in: string[] = [];
  a.whenRoom(() => let_in.push('a'));
  b.whenRoom(() => let_in.push('b'));
  expect(sink.metrics.heldEmits).toBe(2);
  for (const value of small) value.release();
  await until(() => let_in.length === 1);
  big.release();
  await until(() => let_in.length === 2);
  expect(let_in).toEqual(['b', 'a']);
  clock.advance(1000);
});

test('what waits goes to disk for the namespace that is over its share, not what waits longest', async () => {
  open();
  const old = [waiting(b, 40), waiting(b, 40)];
  const values = Array.from({ length: 40 }, () => waiting(a, 50));
  await until(() => a.hasRoom && sink.metrics.spills >= 20);
  expect(sink.residentBytes).toBeLessThanOrEqual(1000);
  expect(old.map(({ bytes }) => bytes === undefined)).toEqual([false, false]);
  expect(values.filter(({ bytes }) => bytes === undefined).length).toBe(sink.metrics.spills);
  for (const value of [...old, ...values]) value.release();
});

test('a value of many small parts has them in memory while it waits, large ones go to disk', async () => {
  open({ limitBytes: 200_000 });
  const items = Array.from({ length: 2000 }, () => put(a, 100));
  const large = put(a, 70_000);
  const list = a.list([...items, large]);
  list.setWaiting(true);
  await until(() => large.bytes === undefined);
  expect(items.every(({ bytes }) => bytes !== undefined)).toBe(true);
  list.setWaiting(false);
  list.release();
});

test('what one has in packs leaves room for those of others', () => {
  open({ limitBytes: 100_000 });
  const pack = (into: DataSink): (() => void) => {
    const made = into.openPack(1000);
    for (let slot = 0; slot < 1000; slot++) {
      const value = put(into, 100);
      if (made.put(slot, value)) continue;
      value.release();
      expect(slot).toBeGreaterThan(0);
      break;
    }
    return () => made.discard();
  };
  const discards = [pack(a), pack(b), pack(sink.forNamespace('c'))];
  for (const discard of discards) discard();
});

test('when nothing can be written to disk the namespace that is over its share hears of it, by the limit', async () => {
  const heard: [string, string][] = [];
  open({ spillFiles: failing, onPressure: (error, namespace) => heard.push([namespace, error.message]) });
  const values = [waiting(b, 50), waiting(a, 2000)];
  await until(() => heard.length > 0);
  expect(heard[0]![0]).toBe('a');
  expect(heard[0]![1]).toMatch(/limit of 1000 bytes.*the disk is full/);
  expect(() => sink.admit('a')).toThrow(expect.objectContaining({ code: 'FULL', retryable: true }));
  sink.admit('b');
  sink.admit('new');
  for (const value of values) value.release();
});

test('who waits although nothing can be spilled is let go a little, since waiting frees nothing', () => {
  open();
  const inUse = put(a, 1500);
  let granted = 0;
  a.whenRoom(() => granted++);
  expect(granted).toBe(0);
  clock.advance(1000);
  expect(granted).toBe(1);
  inUse.release();
  clock.advance(1000);
});

test('and with twice the limit, nothing moving, the youngest of the namespace is to fail', () => {
  const heard: [string, string][] = [];
  open({ onPressure: (error, namespace) => heard.push([namespace, error.message]) });
  const inUse = [put(a, 1500), put(a, 1500)];
  let granted = 0;
  a.whenRoom(() => granted++);
  put(a, 1).release();
  clock.advance(1000);
  expect([granted, heard]).toEqual([1, []]);
  a.whenRoom(() => granted++);
  clock.advance(1000);
  expect(granted).toBe(1);
  expect(heard).toEqual([['a', expect.stringContaining('limit of 1000 bytes')]]);
  for (const value of inUse) value.release();
  clock.advance(1000);
});

test('whatever comes and goes, one that has nothing finds room, and at the end nothing is left', async () => {
  const step = fc.record({
    who: fc.nat(5),
    what: fc.constantFrom('put', 'wait', 'use', 'release', 'turn'),
    size: fc.nat(600),
    at: fc.nat(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
      open();
      const held: { value: Value; waits: boolean }[] = [];
      for (const { who, what, size, at } of steps) {
        const into = sink.forNamespace(`n${who}`);
        const one = held[at % Math.max(1, held.length)];
        if (what === 'put' && (into.hasRoom || size % 3 === 0)) held.push({ value: put(into, size + 1), waits: false });
        else if (what === 'turn') await new Promise(setImmediate);
        else if (what === 'release' && one !== undefined) held.splice(held.indexOf(one), 1)[0]!.value.release();
        else if (what !== 'put' && one !== undefined && one.waits !== (what === 'wait')) {
          one.waits = what === 'wait';
          one.value.setWaiting(one.waits);
        }
      }
      for (const { value } of held) value.release();
      expect(sink.metrics).toMatchObject({ values: 0, residentBytes: 0, spilledBytes: 0 });
      expect(fill(a)).toHaveLength(901);
      await sink.close();
    }),
    { numRuns: 60 },
  );
});
