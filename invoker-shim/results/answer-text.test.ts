import fs from 'node:fs';
import { encodeValue } from '@dataflower/action-runtime/protocol';
import { type MeasuredDataSink, type Value, createDataSink } from '../sink/index.js';
import { answerText } from './answer-text.js';

let sink: MeasuredDataSink;
beforeEach(() => {
  sink = createDataSink();
});
afterEach(async () => {
  expect(sink.metrics.values).toBe(0);
  await sink.close();
});

const encoded = (content: unknown): Buffer => Buffer.concat(encodeValue(content).segments);
const put = (content: unknown): Value => sink.put(encoded(content), encodeValue(content).shape);

async function inFile(content: unknown): Promise<Value> {
  const bytes = encoded(content);
  const file = sink.handoverSource().allocate(bytes.length)!;
  fs.writeFileSync(file.path, bytes);
  return file.seal(0);
}

/** The text of a value that is released then. */
async function textOf(value: Value, limitBytes: number): Promise<unknown> {
  const text = await answerText(value, limitBytes);
  value.release();
  return text;
}

test('the answer of JSON is that JSON, for the record too', async () => {
  const text = '{"a":1}';
  expect(await textOf(put({ a: 1 }), 7)).toEqual({ text, answer: text, size: 7, tooLong: false });
  expect(await textOf(await inFile({ a: 1 }), 7)).toEqual({ text, answer: text, size: 7, tooLong: false });
});

test('the answer has byte strings as base64, whatever the size, and the record their size and hash', async () => {
  for (const pad of ['', 'x'.repeat(200_000)]) {
    const content = { bytes: Buffer.from('hi'), pad };
    const record = sink.record([
      ['bytes', put(Buffer.from('hi'))],
      ['pad', put(pad)],
    ]);
    for (const value of [put(content), await inFile(content), record])
      expect(await textOf(value, 1_000_000)).toMatchObject({
        answer: JSON.stringify({ bytes: 'aGk=', pad }),
        text: expect.stringMatching(/^\{"\$value":\{"bytes":\d+,"sha256":"[0-9a-f]{64}"\}\}$/),
        tooLong: false,
      });
  }
});

test('a result beyond the limit becomes an error with its beginning, which is empty when it is no JSON text', async () => {
  const error = (size: number, begin: string): object => {
    const text = JSON.stringify({
      error: `The action produced a response that exceeded the allowed length: ${size} > 5 bytes. The truncated response was: ${begin}`,
    });
    return { text, answer: text, size, tooLong: true };
  };
  expect(await textOf(put('abcdefgh'), 5)).toEqual(error(10, '"abcd'));
  expect(await textOf(await inFile('abcdefgh'), 5)).toEqual(error(10, '"abcd'));
  expect(await textOf(put(Buffer.from('abcdefgh')), 5)).toEqual(error(8, ''));
  const large = sink.list([put('x'.repeat(5000))]);
  expect(await textOf(large, 5)).toEqual(error(large.size - 1, ''));
});
