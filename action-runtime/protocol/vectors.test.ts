import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FrameDecoder, decodeValue } from './index.js';
import { describeFrame, describeValue } from './testing/described.js';

const DIRECTORY = join(import.meta.dirname, '../../protocol/vectors');
const read = (name: string): unknown => JSON.parse(readFileSync(join(DIRECTORY, `${name}.json`), 'utf8'));

interface FrameVector {
  meaning: string;
  hex: string;
  frame: unknown;
}
interface ValueVector {
  meaning: string;
  hex: string;
  slots?: string[];
  value: unknown;
}
interface Malformed {
  meaning: string;
  hex: string;
  code: string;
}

function decodeAll(chunks: Buffer[]): unknown[] {
  const frames: unknown[] = [];
  const decoder = new FrameDecoder((type, flags, id, payload) => frames.push(describeFrame(type, flags, id, payload)));
  for (const chunk of chunks) decoder.push(chunk);
  expect(decoder.buffered).toBe(0);
  return frames;
}

describe.each(['connection', 'invocation', 'steps', 'transfer'])('%s', (name) => {
  const vectors = read(name) as FrameVector[];
  test.each(vectors)('$meaning', ({ hex, frame }) => {
    const bytes = Buffer.from(hex, 'hex');
    expect(decodeAll([bytes])).toEqual([frame]);
    for (let cut = 1; cut < bytes.length; cut++)
      expect(decodeAll([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual([frame]);
    expect(decodeAll([...bytes].map((byte) => Buffer.of(byte)))).toEqual([frame]);
  });

  test('all of them in one piece', () => {
    expect(decodeAll([Buffer.from(vectors.map((v) => v.hex).join(''), 'hex')])).toEqual(vectors.map((v) => v.frame));
  });
});

test.each(read('values') as ValueVector[])('value: $meaning', ({ hex, slots = [], value }) => {
  expect(
    describeValue(
      Buffer.from(hex, 'hex'),
      slots.map((slot) => Buffer.from(slot, 'hex')),
    ),
  ).toEqual(value);
});

const malformed = read('malformed') as { frames: Malformed[]; values: Malformed[] };

test.each(malformed.frames)('a frame $meaning is refused', ({ hex, code }) => {
  expect(() => decodeAll([Buffer.from(hex, 'hex')])).toThrow(expect.objectContaining({ code }) as Error);
});

test.each(malformed.values)('a value, $meaning, is refused', ({ hex, code }) => {
  expect(() => decodeValue(Buffer.from(hex, 'hex'))).toThrow(expect.objectContaining({ code }) as Error);
});
