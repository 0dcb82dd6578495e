import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { encodeValue } from '@dataflower/action-runtime/protocol';
import { turnsDuring } from '@dataflower/common/testing';
import { type MeasuredDataSink, type Value, createDataSink } from '../sink/index.js';
import { jsonOf } from '../sink/testing/json-of.js';
import { bytesOf } from '../sink/value-bytes.js';
import { MAX_RESULT_BYTES, type ResultText, resultText } from './result-text.js';

let sink: MeasuredDataSink;
const values: Value[] = [];

beforeEach(() => {
  sink = createDataSink();
});

afterEach(async () => {
  for (const value of values.splice(0)) value.release();
  expect(sink.metrics.values).toBe(0);
  await sink.close();
});

const kept = (value: Value): Value => {
  values.push(value);
  return value;
};
const part = (content: unknown): Value => sink.put(Buffer.concat(encodeValue(content).segments), 0);
const put = (content: unknown): Value => kept(part(content));

async function inFile(content: unknown): Promise<Value> {
  const bytes = Buffer.concat(encodeValue(content).segments);
  const file = sink.handoverSource().allocate(bytes.length)!;
  fs.writeFileSync(file.path, bytes);
  return kept(await file.seal(0));
}

function digest(content: Buffer | string): ResultText {
  const bytes = Buffer.byteLength(content);
  return {
    text: JSON.stringify({ $value: { bytes, sha256: createHash('sha256').update(content).digest('hex') } }),
    size: bytes,
  };
}

const INVALID = '{"error":"The action did not produce a valid JSON or JSON Array response."}';

describe('the text of a result', () => {
  it('of JSON in memory is that JSON, at once and untouched', () => {
    const raw = '{"a": 1.0, "big":12345678901234567890, "ü":"☃"}';
    const value = kept(sink.put(Buffer.from(`\0${raw}`), 0));
    expect(resultText(value)).toEqual({ text: raw, size: Buffer.byteLength(raw) });
  });

  it('of a composite of JSON is its JSON, at once', () => {
    const value = kept(sink.record([['a', sink.list([part(1), part({ b: 'ü' })])]]));
    expect(resultText(value)).toEqual({ text: '{"a":[1,{"b":"ü"}]}', size: 20 });
  });

  it('of JSON in files is its JSON too', async () => {
    const value = await inFile({ a: 1 });
    expect(await resultText(value)).toEqual({ text: '{"a":1}', size: 7 });
    value.retain();
    const list = kept(sink.list([value, part('x')]));
    expect(await resultText(list)).toEqual({ text: '[{"a":1},"x"]', size: 13 });
  });

  it('is the JSON of all parts of what the agent put together, also when it is large', async () => {
    const pad = 'x'.repeat(100_000);
    const parts = [part({ pad }), part([null, { pad }]), part('ü\u0001"')];
    const large = kept(
      sink.record([
        ['a', part(1)],
        ['a', sink.list(parts)],
        ['"', sink.list([])],
      ]),
    );
    const result = await resultText(large);
    expect(JSON.parse(result.text)).toEqual(jsonOf(large));
    expect(result.size).toBe(Buffer.byteLength(result.text));
    const wrong = kept(sink.list([sink.put(Buffer.from('\0{"a":}'), 1), part(1)]));
    expect(resultText(wrong)).toEqual({ text: INVALID, size: wrong.size });
  });

  it('that a container has put together is opened beside everything else when it is large', async () => {
    const bytes = await bytesOf(kept(sink.list(Array.from({ length: 60_000 }, () => part(1)))));
    const { result, turns } = await turnsDuring(() => resultText(kept(sink.put(bytes, 8))));
    expect(JSON.parse(result.text)).toHaveLength(60_000);
    expect(turns).toBeGreaterThan(10);
  });

  it('of exactly 1 MiB is still a text, of one byte more its size and hash', async () => {
    const text = (bytes: number): string => 'x'.repeat(bytes - 2);
    expect(resultText(put(text(MAX_RESULT_BYTES)))).toMatchObject({ size: MAX_RESULT_BYTES });
    const over = text(MAX_RESULT_BYTES + 1);
    expect(await resultText(put(over))).toEqual(digest(`"${over}"`));
    expect(await resultText(await inFile(over))).toEqual(digest(`"${over}"`));
  });

  it('of byte strings is their size and hash, wherever they are', async () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from([0, 1, 2, 255]), Buffer.alloc(2_000_000, 7)]) {
      expect(await resultText(put(bytes))).toEqual(digest(bytes));
      expect(await resultText(await inFile(bytes))).toEqual(digest(bytes));
    }
  });

  it('with byte strings inside is the size and hash of its encoding', async () => {
    const inside = put({ a: Buffer.from('bytes') });
    expect(await resultText(inside)).toEqual(digest(await bytesOf(inside)));
    const composite = kept(sink.record([['a', sink.list([part(Buffer.from('bytes'))])]]));
    expect(await resultText(composite)).toEqual(digest(await bytesOf(composite)));
    const large = kept(sink.record([['ä', sink.list([part(Buffer.alloc(2_000_000, 7)), part(1)])]]));
    expect(await resultText(large)).toEqual(digest(await bytesOf(large)));
    const encoded = kept(sink.put(await bytesOf(composite), 0));
    expect(await resultText(encoded)).toEqual(digest(await bytesOf(composite)));
  });

  it('of a list or record that a container encoded is its JSON', async () => {
    const composite = kept(sink.record([['a', sink.list([part(1)])]]));
    const value = kept(sink.put(await bytesOf(composite), 0));
    expect(resultText(value)).toEqual({ text: '{"a":[1]}', size: 9 });
  });

  it('of what is no value is an error text that can stand in a record', async () => {
    for (const bytes of ['\0{"a":', '\0', '', '\x02junk', '\x03\0\0\0\x01']) {
      const result = await resultText(kept(sink.put(Buffer.from(bytes), 0)));
      expect(result.text).toBe(INVALID);
    }
    const list = kept(sink.list([sink.put(Buffer.from('\0{'), 0)]));
    expect(resultText(list)).toMatchObject({ text: INVALID });
  });

  it('cannot be had when the file is gone', async () => {
    const value = await inFile('x');
    fs.rmSync(value.file!);
    await expect(resultText(value)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
