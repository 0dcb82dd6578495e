/* eslint @typescript-eslint/no-explicit-any: off, @typescript-eslint/no-unsafe-assignment: off, @typescript-eslint/no-unsafe-member-access: off, @typescript-eslint/no-unsafe-argument: off, @typescript-eslint/no-unsafe-call: off, @typescript-eslint/no-unsafe-return: off -- the tests look into JSON of any form */
import fc from 'fast-check';
import composer, { type Composition } from '../index.js';

const c = composer as any;

/** None writes an undeclared variable: no document defines the meaning of that. */
const functions = [
  'p => ({ ...p, n: (p.n || 0) + 1 })',
  '() => { throw 1 }',
  "() => ({ error: 'thrown', more: 1 })",
  'p => { p.z = 1 }',
  '() => x',
  '() => { if (typeof x === "undefined") return 0; x = (x || 0) + 1 }',
  '() => { if (typeof x === "undefined" || typeof y === "undefined") return 0; y = { x, y } }',
  '() => { if (typeof x === "undefined") return 0; x = 7; throw 1 }',
  'async () => { if (typeof x === "undefined") return 0; x = 8; await 0; x = 9 }',
  '() => ({ x: typeof x === "undefined" ? "none" : x, y: typeof y === "undefined" ? "none" : y })',
  '() => typeof params === "undefined" && typeof value === "undefined"',
  '() => false',
  '() => true',
  'p => p.n > 2',
  '() => null',
  '() => ({ error: null })',
  '() => [1, { n: 2 }]',
  '() => ({ value: [{ n: 1 }, null, { error: "e", k: 1 }, { value: [1, 2] }] })',
  'p => ({ value: [p, p] })',
  '() => () => 1',
];
const names = ['echo', 'fail', 'rec', 'inc', 'list', 'true', 'nosuch', 'p/inc'];
const values = [1, null, 'text', { n: 5 }, { error: 'literal' }, [1, 2], { value: [1, { n: 1 }] }, {}];
const declarations = [
  { x: 1 },
  { y: 2 },
  { x: null },
  { x: 1, y: { a: 1 } },
  { params: 3 },
  { value: 4 },
  {},
  { class: 1 },
];

const leaf = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...functions).map((code) => c.function(code) as Composition) },
  { weight: 3, arbitrary: fc.constantFrom(...names).map((name) => c.action(name) as Composition) },
  { weight: 1, arbitrary: fc.constantFrom(...values).map((value) => c.literal(value) as Composition) },
  { weight: 1, arbitrary: fc.constant(c.empty() as Composition) },
);

/** Random programs over all combinators. */
export const programs: fc.Arbitrary<Composition> = fc.letrec<{ program: Composition }>((tie) => {
  const one = tie('program');
  const many = fc.array(one, { maxLength: 3 });
  const list = (combinator: string): fc.Arbitrary<Composition> => many.map((parts) => c[combinator](...parts));
  const binary = (combinator: string): fc.Arbitrary<Composition> =>
    fc.tuple(one, one).map(([a, b]) => c[combinator](a, b));
  const ternary = (combinator: string): fc.Arbitrary<Composition> =>
    fc.tuple(one, one, one).map(([a, b, d]) => c[combinator](a, b, d));
  const inner = fc.oneof(
    { weight: 4, arbitrary: list('seq') },
    { weight: 3, arbitrary: fc.tuple(fc.constantFrom(...declarations), many).map(([d, parts]) => c.let(d, ...parts)) },
    ...['sequence', 'mask', 'retain', 'map', 'parallel', 'par'].map((name) => ({ weight: 1, arbitrary: list(name) })),
    { weight: 2, arbitrary: binary('try') },
    { weight: 2, arbitrary: binary('finally') },
    { weight: 1, arbitrary: binary('if') },
    { weight: 2, arbitrary: ternary('if') },
    { weight: 1, arbitrary: ternary('if_nosave') },
  );
  return { program: fc.oneof({ maxDepth: 6, depthSize: 'large' }, leaf, inner) };
}).program;

/** Possible inputs. */
export const inputs: fc.Arbitrary<Record<string, unknown>> = fc.constantFrom<Record<string, unknown>>(
  {},
  { n: 1 },
  { error: 'in', k: 2 },
  { value: [{ n: 1 }, 2, { error: 'e' }] },
  { value: true },
);
