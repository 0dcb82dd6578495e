import fc from 'fast-check';
import { Shape, shapeOf } from './shape.js';
import { bytesOf, decodeValue, encodeValue } from './value.js';

const inherited = Object.create({ error: 1, value: 1 }) as object;
class Failed {
  get error(): string {
    return 'of the prototype';
  }
}

test.each<[string, unknown, number]>([
  ['an inherited error and value', inherited, Shape.OBJECT],
  ['an accessor of a class', new Failed(), Shape.OBJECT],
  ['a hidden error', Object.defineProperty({}, 'error', { value: 1 }), Shape.OBJECT],
  ['an error that is a symbol', { error: Symbol('s') }, Shape.OBJECT],
  ['an error that is an accessor', Object.defineProperty({}, 'error', { get: () => 1, enumerable: true }), 3],
  ['an error that turns into nothing', { error: { toJSON: () => undefined } }, Shape.OBJECT],
  ['a value that is a boxed false', { value: new Boolean(false) }, Shape.OBJECT],
  ['a value that is a boxed zero', { value: new Number(0) }, Shape.OBJECT],
  ['a value that is a boxed empty text', { value: new String('') }, Shape.OBJECT],
  ['a value that turns into false', { value: { toJSON: () => false } }, Shape.OBJECT],
  ['a value that is zero with a sign', { value: -0 }, Shape.OBJECT],
  ['a value below one', { value: 0.5 }, Shape.OBJECT | Shape.TRUTHY],
  ['a value that is an empty byte string', { value: Buffer.alloc(0) }, Shape.OBJECT | Shape.TRUTHY],
  ['a boxed text', new String('x'), Shape.TRUTHY],
  ['a boxed empty text', new String(''), 0],
  ['a boxed zero', new Number(0), 0],
  ['an object that calls itself bytes', Object.create(Uint8Array.prototype), Shape.OBJECT],
  ['an array with an error', Object.assign([1], { error: 1 }), Shape.ARRAY | Shape.TRUTHY],
  ['an object that turns into an array', { error: 1, toJSON: () => [1] }, Shape.ARRAY | Shape.TRUTHY],
  ['an object that turns into nothing', { error: 1, toJSON: () => undefined }, 0],
  ['a proxy', new Proxy({}, { get: () => 1, has: () => true }), Shape.OBJECT],
  ['an error inside', { a: { error: 1, value: 1 } }, Shape.OBJECT],
  ['an error in a text', { a: '{"error":1,"value":1', b: '\\' }, Shape.OBJECT],
  ['an error in a name', { 'a"error': 1, '\\"error': 1, ',"value': 1 }, Shape.OBJECT],
  ['an error behind all that', { a: [{ error: 1 }, '"\\'], error: null }, Shape.OBJECT | Shape.ERROR],
])('the shape of %s is that of its JSON', (_, value, shape) => {
  expect(encodeValue(value).shape).toBe(shape);
});

test('a getter is called once', () => {
  let calls = 0;
  const value = Object.defineProperty({}, 'error', { enumerable: true, get: () => ++calls });
  expect(decodeValue(bytesOf(encodeValue(value)))).toEqual({ error: 1 });
  expect(calls).toBe(1);
});

test('members that a program puts on all objects are in no JSON', () => {
  const all = Object.prototype as { error?: unknown; value?: unknown };
  all.error = all.value = 1;
  try {
    expect(encodeValue({}).shape).toBe(Shape.OBJECT);
    expect(shapeOf({})).toBe(Shape.OBJECT);
  } finally {
    delete all.error;
    delete all.value;
  }
});

test('the shape is that of the text, however that was written', () => {
  const { stringify } = JSON;
  JSON.stringify = (value: unknown) => stringify(value, null, 2);
  try {
    expect(encodeValue({ a: 1, error: 0, value: [] }).shape).toBe(Shape.OBJECT | Shape.ERROR | Shape.TRUTHY);
  } finally {
    JSON.stringify = stringify;
  }
});

/** Objects as programs make them: members by any means, hidden, inherited, with a form of their own, or of no JSON. */
const weird = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<unknown>(null, true, false, 0, -0, NaN, '', 'x', '"error":', '\\', undefined, Symbol('s')),
    fc.double(),
    fc.string(),
    fc.constantFrom<unknown>(
      () => 1,
      new Boolean(false),
      new Number(0),
      new String(''),
      new Date(NaN),
      new Map([[1, 2]]),
    ),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.tuple(tie('value'), fc.constantFrom('own', 'hidden', 'accessor', 'inherited', 'toJSON')).chain(([inner, how]) =>
      fc
        .dictionary(fc.constantFrom('error', 'value', 'a', 'a"error', '\\', '__proto__'), tie('value'), {
          maxKeys: 4,
        })
        .map((members) => made(members, inner, how)),
    ),
  ),
})).value;

function made(members: Record<string, unknown>, inner: unknown, how: string): unknown {
  if (how === 'toJSON') return { ...members, toJSON: () => inner };
  if (how === 'inherited') return Object.setPrototypeOf({ ...members }, { error: inner, value: inner });
  const rule =
    how === 'accessor' ? { get: () => inner, enumerable: true } : { value: inner, enumerable: how === 'own' };
  return Object.defineProperty({ ...members }, 'error', rule);
}

test('any value has the shape of its JSON', () => {
  fc.assert(
    fc.property(weird, (value) => {
      let text: string | undefined;
      try {
        text = JSON.stringify(value);
      } catch {
        // It has no JSON, such as a Date that is none.
        expect(() => encodeValue(value)).toThrow();
        return;
      }
      const encoded = encodeValue(value);
      expect(encoded.absent === true).toBe(text === undefined);
      expect(encoded.shape).toBe(text === undefined ? 0 : shapeOf(JSON.parse(text)));
    }),
    { numRuns: 2000 },
  );
});
