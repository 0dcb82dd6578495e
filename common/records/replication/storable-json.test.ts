import fc from 'fast-check';
import { MAX_NESTING, storableJson } from './storable-json.js';

const stored = (text: string): string | undefined => storableJson(Buffer.from(text))?.toString();
/** As `String.prototype.toWellFormed` does. */
const wellFormed = (text: string): string => Buffer.from(text).toString();

test('text that CouchDB takes is left alone, in the same buffer', () => {
  for (const text of [
    '{}',
    '[1,-0.5e-7,1E+308,true,false,null,1e-400,12345678901234567890123]',
    String.raw`{"pair":"\ud83D\uDe00 \uD83D\uDE00","not one":"\\ud800","raw":"😀 é","end":"\\","quote":"\"[[1e999"}`,
    JSON.stringify('[1e999'.repeat(MAX_NESTING)),
  ]) {
    const bytes = Buffer.from(text);
    expect(storableJson(bytes)).toBe(bytes);
  }
});

test('half of a surrogate pair becomes the replacement character, in keys too', () => {
  expect(stored(String.raw`{"\uDC00":["\ud800","\ud800\ud83d\ude00","\\\ud800x","\ude00\ud83d"]}`)).toBe(
    String.raw`{"\ufffd":["\ufffd","\ufffd\ud83d\ude00","\\\ufffdx","\ufffd\ufffd"]}`,
  );
});

test('a number beyond a double becomes null', () => {
  const long = '9'.repeat(400);
  expect(JSON.parse(stored(`[1e309,-1.5E+999,${long},${long}.5,7,{"a":2e400}]`)!)).toEqual([
    null,
    null,
    null,
    null,
    7,
    { a: null },
  ]);
});

test('what is nested too deeply is told, wherever it is', () => {
  const nested = (levels: number): string => '[{"a":'.repeat(levels / 2) + '1' + '}]'.repeat(levels / 2);
  expect(stored(nested(MAX_NESTING))).toBe(nested(MAX_NESTING));
  expect(stored(`[[],${nested(MAX_NESTING)}]`)).toBeUndefined();
  expect(stored('['.repeat(400_000))).toBeUndefined();
});

test('nothing else of any JSON is changed, and the text given stays as it is', () => {
  const text = fc.string({ unit: 'binary', maxLength: 8 });
  const half = fc.integer({ min: 0xd800, max: 0xdfff }).map((unit) => String.fromCharCode(unit));
  const strings = fc
    .array(fc.oneof(text, half, fc.constantFrom('\\', '"', '\\u', 'd800')))
    .map((parts) => parts.join(''));
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 3 }, strings, fc.double(), fc.boolean(), fc.constant(null), tie('list'), tie('object')),
    list: fc.array(tie('value')),
    object: fc.dictionary(strings, tie('value')),
  }));
  fc.assert(
    fc.property(value, (any) => {
      const json = JSON.stringify(any);
      const bytes = Buffer.from(json);
      const result = storableJson(bytes)!;
      expect(bytes.toString()).toBe(json);
      expect(JSON.stringify(JSON.parse(result.toString()))).toBe(
        JSON.stringify(
          JSON.parse(json, (_key, member: unknown) =>
            typeof member === 'string'
              ? wellFormed(member)
              : typeof member === 'object' && member !== null && !Array.isArray(member)
                ? Object.fromEntries(Object.entries(member).map(([key, inner]) => [wellFormed(key), inner]))
                : member,
          ),
        ),
      );
    }),
  );
});
