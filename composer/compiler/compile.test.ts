import composer, { type Composition } from '../index.js';
import { cpuSeconds } from '../testing/cpu.js';
import { drawText, graphDigest, validateGraph } from '../graph/index.js';
import { CompileError, compileComposition } from './index.js';

const c = composer;
const drawn = (composition: Composition): string => `\n${drawText(compileComposition(composition))}\n`;

test('a chain is a chain, functions side by side are one step', () => {
  expect(
    drawn(
      c.seq(
        'a',
        () => 1,
        c.seq(
          () => 2,
          () => 3,
        ),
        c.task('p/b'),
      ),
    ),
  ).toBe(`
a[0]: action /_/a
  in ← $USER.params
function[1]: 3 functions
  in ← a[0].out
b[3]: action /_/p/b
  in ← function[1].out
$USER
  result ← b[3].out
`);
});

test('if sends its input past the test', () => {
  expect(drawn(c.seq(c.if('test', 'yes', null), 'after'))).toBe(`
strip[0]: strip
  in ← $USER.params
test[0]-test: action /_/test
  in ← strip[0].out
gate[0]: gate by test
  test ← test[0]-test.out
  in ← strip[0].out
yes[0]-consequent: action /_/yes
  in ← gate[0].then
norm[0]-alternate: norm
  in ← gate[0].else
after[1]: action /_/after
  in ← yes[0]-consequent.out | norm[0]-alternate.out
$USER
  result ← after[1].out
`);
});

test('if_nosave sends the result of the test', () => {
  expect(drawn(c.if_nosave('test', 'yes', 'no'))).toBe(`
test-test: action /_/test
  in ← $USER.params
gate: gate
  test ← test-test.out
yes-consequent: action /_/yes
  in ← gate.then
no-alternate: action /_/no
  in ← gate.else
$USER
  result ← yes-consequent.out | no-alternate.out
`);
});

test('errors go to the nearest handler, through a scope where variables are left', () => {
  expect(drawn(c.try(c.let({ x: 1 }, 'a', c.mask('b')), c.finally('handle', 'end')))).toBe(`
let-body: let x
  in ← $USER.params
a-body[0]: action /_/a
  in ← let-body.out
mask-body[1]: mask
  in ← a-body[0].out
b-body[1][0]: action /_/b
  in ← mask-body[1].out
scope-handler-body: scope 0
  in ← a-body[0].error | b-body[1][0].error
handle-handler-body: action /_/handle
  in ← scope-handler-body.out
end-handler-finalizer: action /_/end
  in ← handle-handler-body.out | handle-handler-body.error
$USER
  result ← b-body[1][0].out | end-handler-finalizer.out
`);
});

test('an error that nothing catches has no edge', () => {
  const { edges } = compileComposition(c.seq('a', () => 1, c.map('b')));
  expect(edges.filter(({ from }) => from.endsWith('.error')).map(({ from, to }) => `${from} → ${to}`)).toEqual([
    'b[2][0].error → gather[2].in',
  ]);
});

test('map and parallel collect results and errors', () => {
  expect(
    drawn(
      c.seq(
        'split',
        c.map('count', 'check'),
        c.parallel('a', () => 1),
      ),
    ),
  ).toBe(`
split[0]: action /_/split
  in ← $USER.params
scatter[1]: scatter
  in ← split[0].out
count[1][0]: action /_/count × scatter[1].item
  in ← scatter[1].item (FOREACH)
check[1][1]: action /_/check × scatter[1].item
  in ← count[1][0].out
gather[1]: gather
  in (LIST) ← check[1][1].out | count[1][0].error | check[1][1].error
  scope ← scatter[1].scope
fork[2]: fork
  in ← gather[1].out
a[2][0]: action /_/a
  in ← fork[2].branch
function[2][1]: function
  in ← fork[2].branch
join[2]: join
  0 ← a[2][0].out | a[2][0].error
  1 ← function[2][1].out | function[2][1].error
  scope ← fork[2].scope
$USER
  result ← join[2].out
`);
});

test('retain keeps its input beside the result', () => {
  expect(drawn(c.retain('a'))).toBe(`
strip: strip
  in ← $USER.params
a[0]: action /_/a
  in ← strip.out
retain: retain
  params ← $USER.params
  result ← a[0].out
$USER
  result ← retain.out
`);
});

test('a literal is an object, and an error of it is that error', () => {
  const { nodes, edges } = compileComposition(c.try(c.seq(c.literal(1), c.literal({ error: 'e', more: 1 })), null));
  expect(nodes.slice(0, 2)).toEqual([
    { id: 'literal-body[0]', kind: 'literal', value: { value: 1 } },
    { id: 'literal-body[1]', kind: 'literal', value: { error: 'e' } },
  ]);
  expect(edges).toContainEqual({ from: 'literal-body[1].error', to: 'norm-handler.in' });
});

test('an action takes and gives what Composer does', () => {
  expect(compileComposition(c.action('a', { action: () => 1 })).nodes).toEqual([
    { id: 'a', kind: 'action', action: '/_/a', inputs: { in: 'NORMAL' }, outputs: {}, normalize: true },
  ]);
});

test('functions of a lowered form are called by their place in the composition as written', () => {
  const { composition } = c.seq(c.retain(c.if('a', () => 1, 'b'))).compile();
  const functions = compileComposition(composition).nodes.flatMap((node) =>
    node.kind === 'function' ? node.functions : [],
  );
  expect(functions.map(({ path }) => path)).toEqual(['[0]', '[0][0]', '[0][0]', '[0][0].consequent', '[0][0]', '[0]']);
});

test('the graph of a composition is the same each time', () => {
  const program = (): string =>
    graphDigest(compileComposition(c.seq('a', c.map(c.if('b', 'c')), c.let({ x: 1 }, c.parallel('d', 'd')))));
  expect(program()).toBe(program());
});

test('what is not reached is not in the graph, but looked at', () => {
  const program = { type: 'try', body: { type: 'literal', value: 1 }, handler: { type: 'action', name: 'h' } };
  expect(compileComposition(program).nodes.map(({ id }) => id)).toEqual(['literal-body']);
  expect(() => compileComposition({ ...program, handler: { type: 'loop' } })).toThrow(
    'root.handler: the combinator "loop"',
  );
});

const deep = (): unknown => {
  let program: unknown = { type: 'empty' };
  for (let i = 0; i < 4000; i++) program = { type: 'seq', components: [program] };
  return program;
};

test.each<[string, unknown, string, string]>([
  ['no composition', 5, 'root', 'expected a combinator, found 5'],
  ['nothing', undefined, 'root', 'expected a combinator, found null'],
  ['a type that is no text', { type: 5 }, 'root.type', 'expected a string, found 5'],
  [
    'an unknown combinator',
    { type: 'seq', components: [{ type: 'while' }] },
    'root[0]',
    'the combinator "while" cannot be compiled to a graph; known are action, empty,',
  ],
  ['a member of every object', { type: 'constructor' }, 'root', 'the combinator "constructor"'],
  ['components that are no list', { type: 'map', components: 1 }, 'root.components', 'expected an array, found 1'],
  [
    'declarations that are no object',
    { type: 'let', declarations: [], components: [] },
    'root.declarations',
    'expected an object',
  ],
  [
    'a function without code',
    { type: 'function', function: { exec: {} } },
    'root.function.exec.code',
    'expected the code',
  ],
  ['a literal without a value', { type: 'literal' }, 'root.value', 'expected a value'],
  [
    'a bad name',
    { type: 'try', body: { type: 'action', name: '/a' }, handler: null },
    'root.body.name',
    'Name is not valid',
  ],
  [
    'a test that is none',
    { type: 'if', test: 'a', consequent: { type: 'empty' } },
    'root.test',
    'expected a combinator, found "a"',
  ],
  ['what is nested too deeply', deep(), 'root', 'nested too deeply'],
  [
    'too many nodes',
    {
      type: 'seq',
      components: Array.from({ length: 2 }, () => ({
        type: 'seq',
        components: Array.from({ length: 5001 }, () => ({ type: 'empty' })),
      })),
    },
    'root',
    'has more than 10000 elements, the limit',
  ],
  [
    'too long a list',
    { type: 'seq', components: Array.from({ length: 10_001 }, () => ({ type: 'empty' })) },
    'root.components',
    'has 10001 elements, the limit is 10000',
  ],
])('%s is refused', (_, program, path, message) => {
  expect(() => compileComposition(program)).toThrow(
    expect.objectContaining({ name: 'CompileError', code: 'COMPILE', path }),
  );
  expect(() => compileComposition(program)).toThrow(message);
});

const part = (i: number): Composition =>
  c.if(
    `t${i}`,
    c.try('a', 'b'),
    c.let({ x: i }, () => 'x'),
  );
const parts = Array.from({ length: 1000 }, (_, i) => part(i));
const nest = (depth: number): Composition =>
  depth === 0 ? c.seq('a') : c.try(c.if('t', nest(depth - 1), c.map('b')), c.retain('h'));

const deepPlace = (depth: number): Composition => (depth === 0 ? c.empty() : c.seq(c.let({}, deepPlace(depth - 1))));

test.each<[string, Composition]>([
  ['in many places that end alike', c.parallel(...Array.from({ length: 75 }, () => deepPlace(120)))],
  ['one after the other', c.try(c.seq(...parts), 'handle')],
  ['at once', c.parallel(...parts)],
  ['in each other', nest(300)],
  ['in two long branches', c.if('t', c.seq(...parts.slice(0, 500)), c.seq(...parts.slice(500)))],
])('a large composition of parts %s is compiled in a moment', (_, composition) => {
  const started = cpuSeconds();
  const graph = compileComposition(composition);
  expect(validateGraph(graph).nodes.length).toBeGreaterThan(2500);
  expect(cpuSeconds() - started).toBeLessThan(5);
});

test('an error of the compiler says where', () =>
  expect(new CompileError('root[1]', 'is wrong').message).toBe('root[1]: is wrong'));
