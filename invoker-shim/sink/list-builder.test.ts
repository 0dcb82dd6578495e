import fc from 'fast-check';
import { decodeValue, encodeValue } from '@dataflower/action-runtime/protocol';
import { bytesOf, createDataSink, type MeasuredDataSink, type Value } from './index.js';
import { ListBuilder } from './list-builder.js';
import { jsonOf } from './testing/json-of.js';

let sink: MeasuredDataSink;
beforeEach(() => {
  sink = createDataSink({ handoverDir: false });
});
afterEach(async () => {
  expect(sink.metrics).toMatchObject({ values: 0, residentBytes: 0 });
  await sink.close();
});

const put = (value: unknown): Value => {
  const { segments, shape } = encodeValue(value);
  return sink.put(Buffer.concat(segments), shape);
};

/** Takes all steps of a work. */
function done<T>(work: Generator<number, T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

/** Items of a kind: small ones, ones too large for a pack, composites. */
const kinds: Record<string, (i: number) => { value: Value; json: unknown }> = {
  small: (i) => ({ value: put({ i }), json: { i } }),
  large: (i) => ({ value: put({ i, text: 'x'.repeat(1100) }), json: { i, text: 'x'.repeat(1100) } }),
  boxed: (i) => ({ value: sink.record([['value', put(i)]]), json: { value: i } }),
};

/** A step that has no divisor with the length: every index comes once, in an order of its own. */
const lists = fc.record({
  length: fc.constantFrom<number[]>(0, 1, 255, 256, 257, 1279, 1280, 1281, 2600),
  step: fc.constantFrom<number[]>(1, 7919, -1),
  kind: fc.constantFrom<string[]>('small', 'large', 'boxed'),
  /** Which items are small all the same. */
  smallEvery: fc.constantFrom(1, 2, 500),
});
type List = typeof lists extends fc.Arbitrary<infer T> ? T : never;

function fill(builder: ListBuilder, { length, step, kind, smallEvery }: List): unknown[] {
  const expected: unknown[] = [];
  for (let k = 0, index = 0; k < length; k++, index = (((index + step) % length) + length) % length) {
    const { value, json } = kinds[index % smallEvery === 0 ? 'small' : kind]!(index);
    expected[index] = json;
    builder.add(index, value);
  }
  return expected;
}

test('a list has its items in order of index, whatever they are and whenever they come', () => {
  fc.assert(
    fc.property(lists, (list) => {
      const builder = new ListBuilder(sink);
      const expected = fill(builder, list);
      const value = done(builder.finish(list.length));
      expect(jsonOf(value)).toEqual(expected);
      expect((bytesOf(value) as Buffer).length).toBe(value.size);
      value.release();
      expect(sink.metrics).toMatchObject({ values: 0, residentBytes: 0 });
    }),
    { numRuns: 60 },
  );
});

test('a list that is given up releases what has come', () => {
  fc.assert(
    fc.property(lists, (list) => {
      const builder = new ListBuilder(sink);
      fill(builder, list);
      done(builder.discard());
      expect(sink.metrics).toMatchObject({ values: 0, residentBytes: 0 });
    }),
    { numRuns: 30 },
  );
});

test('a long list of small items is one value, and so are its bytes', () => {
  const builder = new ListBuilder(sink);
  fill(builder, { length: 3000, step: 1, kind: 'small', smallEvery: 1 });
  const value = done(builder.finish(3000));
  expect(value.bytes).toBeDefined();
  expect(sink.metrics.values).toBe(1);
  value.release();
});

test('a value that somebody else holds too stays theirs', () => {
  const builder = new ListBuilder(sink);
  const shared = put({ mine: true });
  for (let index = 0; index < 300; index++) {
    shared.retain();
    builder.add(index, shared);
  }
  const value = done(builder.finish(300));
  value.release();
  expect(jsonOf(shared)).toEqual({ mine: true });
  shared.release();
});

test('packs take no more than a quarter of the limit: what else waits can be spilled', async () => {
  const small = createDataSink({ handoverDir: false, limitBytes: 40_000 });
  const builder = new ListBuilder(small);
  const text = 'x'.repeat(90);
  for (let index = 0; index < 1000; index++) builder.add(index, small.put(Buffer.from(`\0"${text}"`), 0));
  while (small.residentBytes >= 40_000) await new Promise((resolve) => setImmediate(resolve));
  expect(small.metrics.spills).toBeGreaterThan(500);
  const value = done(builder.finish(1000));
  expect(decodeValue(await bytesOf(value))).toEqual(new Array(1000).fill(text));
  value.release();
  expect(small.metrics).toMatchObject({ values: 0, residentBytes: 0, spilledBytes: 0 });
  await small.close();
});
