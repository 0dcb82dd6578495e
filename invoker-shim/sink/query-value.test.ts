import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { encodeValue } from '@dataflower/action-runtime/protocol';
import { turnsDuring } from '@dataflower/common/testing';
import { SMALL_BYTES, ValueNotOpenedError, putEncoded, queryValue } from './query-value.js';
import { jsonOf } from './testing/json-of.js';
import { type MeasuredDataSink, type Value, createDataSink } from './index.js';
import type { Encoded, ValueQuery } from './value-query.js';

let base: string;
let sink: MeasuredDataSink;

beforeEach(() => {
  base = fs.mkdtempSync(path.join(os.tmpdir(), 'query-test-'));
  sink = createDataSink({ spillDir: base, handoverDir: base });
});

afterEach(async () => {
  expect(sink.metrics.values).toBe(0);
  await sink.close();
  fs.rmdirSync(base);
});

const put = (value: unknown): Value => {
  const { segments, shape } = encodeValue(value);
  return sink.put(Buffer.concat(segments), shape);
};

async function inFile(value: unknown): Promise<Value> {
  const bytes = Buffer.concat(encodeValue(value).segments);
  const file = sink.handoverSource().allocate(bytes.length)!;
  fs.writeFileSync(file.path, bytes);
  return file.seal(0);
}

/** The answer in a form in which answers can be compared. */
async function told(value: Value, query: ValueQuery): Promise<unknown> {
  const answer: unknown = await queryValue(value, query);
  value.release();
  const open = (item: unknown): unknown => {
    if (typeof item !== 'object' || item === null || !('bytes' in item)) return item;
    const put = putEncoded(sink, item as Encoded);
    const json = jsonOf(put);
    put.release();
    return [json, put.shape];
  };
  return Array.isArray(answer) ? answer.map(open) : open(answer);
}

const content = {
  error: { code: 7 },
  value: [1, { a: Buffer.from('b') }, [2], null, { error: 0 }],
  way: { to: 'left', list: [1], object: {} },
  ['__proto__']: 1,
};
const queries: ValueQuery[] = [
  { get: 'member', path: ['way', 'to'] },
  { get: 'member', path: ['way', 'list'] },
  { get: 'member', path: ['way', 'object'] },
  { get: 'member', path: ['way', 'nothing', 'there'] },
  { get: 'error' },
  { get: 'items', limit: 5 },
  { get: 'items', limit: 4 },
  { get: 'members', names: ['way', 'error', 'none'] },
  { get: 'merged', parameters: { way: 1, under: 2 }, without: 'pad' },
];

describe.each(queries)('queried for %j', (query) => {
  it('a value says the same however large it is and wherever it is', async () => {
    const pad = 'x'.repeat(2 * SMALL_BYTES);
    const answers = [
      await told(put({ ...content, pad: '' }), query),
      await told(put({ ...content, pad }), query),
      await told(await inFile({ ...content, pad: '' }), query),
      await told(await inFile({ ...content, pad }), query),
      await told(sink.record(Object.entries({ ...content, pad }).map(([name, item]) => [name, put(item)])), query),
    ];
    for (const answer of answers.slice(1)) expect(answer).toEqual(answers[0]);
  });

  it('a value that is malformed says the same as one without members', async () => {
    const nothing = await told(put(null), query);
    for (const length of [10, 2 * SMALL_BYTES])
      expect(await told(sink.put(Buffer.alloc(length, '\0{'), 1), query)).toEqual(nothing);
  });
});

it('what takes long to open holds up nobody', async () => {
  const hostile = sink.put(Buffer.from(`\0{"value":[${'[],'.repeat(1_000_000)}[]]}`), 1);
  const { result, turns } = await turnsDuring(() => queryValue(hostile, { get: 'items', limit: 10 }));
  hostile.release();
  expect(result).toBe(1_000_001);
  expect(turns).toBeGreaterThan(100);
});

it('what is larger than anything that is looked into is refused unseen', async () => {
  const value = sink.put(Buffer.alloc(16 * 1024 * 1024 + 1), 1);
  await expect(queryValue(value, { get: 'error' })).rejects.toThrow(
    new ValueNotOpenedError(
      'The workflow has to look into a value of 16777217 bytes; at most 16777216 are looked into.',
    ),
  );
  value.release();
});

it('the worst of what is looked into is opened too', async () => {
  const worst = sink.put(Buffer.from(`\0[${'[],'.repeat(5_500_000)}[]]`), 8);
  expect(await queryValue(worst, { get: 'member', path: [] })).toEqual([]);
  worst.release();
});
