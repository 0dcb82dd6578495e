import fc from 'fast-check';
import { ProtocolError, Shape, decodeValue, encodeList, encodeRecord, encodeValue, shapeOf } from './index.js';

const encode = (value: unknown): Buffer => Buffer.concat(encodeValue(value).segments);

/** JSON with byte strings anywhere. */
const values = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.jsonValue(),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 4 }),
  ),
})).value;

/** As JSON has it: no negative zero. */
const plain = (value: unknown): unknown => (Object.is(value, -0) ? 0 : value);

test('what is encoded is decoded, byte strings included', () => {
  fc.assert(
    fc.property(values, (value) => {
      const encoded = encodeValue(value);
      const bytes = Buffer.concat(encoded.segments);
      expect(encoded.size).toBe(bytes.length);
      const decoded = decodeValue(bytes);
      expect(encode(decoded).length).toBe(bytes.length);
      if (Buffer.isBuffer(value)) expect(decoded).toEqual(value);
      else expect(JSON.stringify(decoded)).toBe(JSON.stringify(plain(value)));
      expect(encoded.shape).toBe(shapeOf(decoded));
    }),
  );
});

test('members named like markers do not turn into byte strings', () => {
  const hostile = { a: Buffer.from('x'), b: { '\u0001': 0 }, c: { 0: 0 } };
  const text = encode(hostile).toString('latin1');
  const key = /"(\\u0001[^"]*)":0/.exec(text)![1]!;
  const replay = { a: Buffer.from('x'), b: { [JSON.parse(`"${key}"`) as string]: 0 } };
  expect(decodeValue(encode(replay))).toEqual(replay);
});

test('lists and records of encoded values', () => {
  fc.assert(
    fc.property(
      fc.array(values, { maxLength: 5 }),
      fc.uniqueArray(fc.string({ maxLength: 5 }), { minLength: 5, maxLength: 5 }),
      (items, names) => {
        const list = decodeValue(encodeList(items.map(encode)));
        expect(list).toEqual(items.map((item) => decodeValue(encode(item))));
        const entries = items.map((item, i) => [names[i]!, encode(item)] as const);
        const record = decodeValue(encodeRecord(entries)) as Record<string, unknown>;
        expect(Object.keys(record).sort()).toEqual(entries.map(([name]) => name).sort());
      },
    ),
  );
});

test('an item may stand in another slot', () => {
  const slots = [encode('zero'), encode({ one: 1 })];
  expect(
    decodeValue(
      encodeRecord([
        ['a', 1],
        ['b', encode(2)],
        ['c', 0],
      ]),
      slots,
    ),
  ).toEqual({ a: { one: 1 }, b: 2, c: 'zero' });
});

test('byte strings become base64 text at the border of JSON', () => {
  expect(decodeValue(encode({ b: Buffer.from('hi') }), [], 'base64')).toEqual({ b: 'aGk=' });
});

test('a decoded byte string is a view, not a copy', () => {
  const bytes = encode(Buffer.from('content'));
  expect((decodeValue(bytes) as Buffer).buffer).toBe(bytes.buffer);
});

test('a large byte string keeps its memory when it is encoded', () => {
  const large = Buffer.alloc(100_000);
  const { segments } = encodeValue({ large, small: Buffer.alloc(10) });
  expect(segments.some((segment) => segment === large)).toBe(true);
});

test.each<[unknown, number]>([
  [{}, Shape.OBJECT],
  [{ error: null }, Shape.OBJECT | Shape.ERROR],
  [{ error: undefined }, Shape.OBJECT],
  [{ error: () => 1 }, Shape.OBJECT],
  [{ value: 1 }, Shape.OBJECT | Shape.TRUTHY],
  [{ value: NaN }, Shape.OBJECT],
  [{ value: '' }, Shape.OBJECT],
  [{ value: {} }, Shape.OBJECT | Shape.TRUTHY],
  [[], Shape.ARRAY | Shape.TRUTHY],
  [0, 0],
  [NaN, 0],
  ['0', Shape.TRUTHY],
  [null, 0],
  [undefined, 0],
  [Buffer.alloc(0), Shape.TRUTHY],
  [new Date(0), Shape.TRUTHY],
  [{ toJSON: () => ({ error: 1 }) }, Shape.OBJECT | Shape.ERROR],
])('the shape of %j', (value, shape) => {
  expect(encodeValue(value).shape).toBe(shape);
});

test('deep nesting of lists is refused, not followed', () => {
  let deep = encode(1);
  for (let i = 0; i < 70; i++) deep = encodeList([deep]);
  expect(() => decodeValue(deep)).toThrow(expect.objectContaining({ code: 'VALUE_TOO_DEEP' }) as Error);
});

test('cycles and BigInt are refused as JSON.stringify does, and leave no trace', () => {
  const cycle: Record<string, unknown> = { b: Buffer.from('x') };
  cycle['self'] = cycle;
  expect(() => encodeValue(cycle)).toThrow(TypeError);
  expect(() => encodeValue({ n: 1n })).toThrow(TypeError);
  expect(JSON.stringify(Buffer.from('x'))).toBe('{"type":"Buffer","data":[120]}');
});

test('anything else than a value is refused with a named error, and quickly', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(4), (bytes, kind) => {
      const mutated = Buffer.from(bytes);
      if (mutated.length > 0) mutated[0] = kind;
      try {
        decodeValue(mutated);
      } catch (error) {
        if (!ProtocolError.is(error)) throw error;
      }
    }),
    { numRuns: 2000 },
  );
});

test('a damaged value gives a value or a named error', () => {
  fc.assert(
    fc.property(values, fc.nat(), fc.nat(255), (value, at, byte) => {
      const bytes = encode(value);
      bytes[at % bytes.length] = byte;
      try {
        decodeValue(bytes);
      } catch (error) {
        if (!ProtocolError.is(error)) throw error;
      }
    }),
    { numRuns: 1000 },
  );
});
