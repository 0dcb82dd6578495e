/* eslint @typescript-eslint/no-explicit-any: off -- programs with mistakes in them */
import composer from '../index.js';
import type { Composition } from '../index.js';
import { recorder } from '../testing/actions.js';
import type { Json } from '../testing/functions.js';
import { originalFolder, runOriginal } from '../testing/original.js';
import { runGraph } from '../testing/run-graph.js';
import { compileComposition } from './index.js';

const c = composer as any;
/** A composition whose functions name variables; only their code matters. */
const text = (code: string): Composition => (0, eval)(`c => ${code}`)(c);
const threw = (path: string): Json => ({
  error: `Function combinator threw an exception at AST node root${path} (see log for details)`,
});

const probes: [string, Composition, Json, Json][] = [
  [
    'a text is true',
    c.if(
      () => ({ value: 'false' }),
      () => 'T',
      () => 'F',
    ),
    {},
    { value: 'T' },
  ],
  [
    'no value is false',
    c.if(
      () => ({ a: 1 }),
      () => 'T',
      () => 'F',
    ),
    {},
    { value: 'F' },
  ],
  [
    'if gives its input to the missing branch',
    c.if(
      () => false,
      () => 'T',
    ),
    { a: 1 },
    { a: 1 },
  ],
  [
    'if_nosave gives it the result of the test',
    c.if_nosave(
      () => false,
      () => 'T',
    ),
    { a: 1 },
    { value: false },
  ],
  ['an error in the input is not looked at', c.seq('rec'), { error: 'in', k: 2 }, { got: { error: 'in', k: 2 } }],
  ['but by the empty composition', c.empty(), { error: 'in', k: 2 }, { error: 'in' }],
  ['and by an empty let', c.let({ x: 1 }), { error: 'in', k: 2 }, { error: 'in' }],
  ['if saves the error alone', c.if(() => true, 'rec', 'rec'), { error: 'in', k: 2 }, { got: { error: 'in' } }],
  [
    'retain gives all of the input',
    c.retain('rec'),
    { error: 'in', k: 2 },
    { params: { error: 'in', k: 2 }, result: { got: { error: 'in' } } },
  ],
  ['a literal does not look at its input', c.literal(3), { error: 'in' }, { value: 3 }],
  ['a literal may be null', c.literal(null), {}, { value: null }],
  ['a literal may be an error', c.literal({ error: 'x', value: 1 }), {}, { error: 'x' }],
  ['finally passes an error on', c.finally('fail', () => {}), {}, { error: 'boom' }],
  ['finally with nothing too', c.finally('fail', null), {}, { error: 'boom' }],
  ['an action at the end swallows it', c.finally('fail', 'rec'), {}, { got: { error: 'boom' } }],
  ['an empty handler passes the error on', c.try('fail', null), {}, { error: 'boom' }],
  [
    'functions inside a try are caught, beside others or not',
    text('c.seq(() => ({n: 1}), c.try(() => { throw 1 }, "rec"), () => { throw 2 })'),
    {},
    threw('[2]'),
  ],
  [
    'and so are those before it not',
    text('c.seq(() => 1, c.try(() => { throw 1 }, () => "caught"))'),
    {},
    { value: 'caught' },
  ],
  [
    'a handler may fail',
    c.try(
      c.try('fail', () => ({ error: 'second' })),
      (e: unknown) => ({ caught: e }),
    ),
    {},
    { caught: { error: 'second' } },
  ],
  ['an error leaves inner variables', text('c.let({x:1}, c.try(c.let({x:2},"fail"), ()=>x))'), {}, { value: 1 }],
  ['what was written before a throw stays', text('c.let({x:1}, c.try(()=>{x=5; throw 1}, ()=>x))'), {}, { value: 5 }],
  ['what is written after an await is lost', text('c.let({x:1}, async()=>{await 0; x=2}, ()=>x)'), {}, { value: 1 }],
  ['what is written before it is not', text('c.let({x:1}, async()=>{x=2; await 0}, ()=>x)'), {}, { value: 2 }],
  ['a variable cannot become undefined', text('c.let({x:1}, ()=>{x=undefined}, ()=>x)'), {}, threw('[0]')],
  ['a variable that is NaN becomes null', text('c.let({x:1}, ()=>{x=NaN}, ()=>({x}))'), {}, { x: null }],
  ['a variable may be changed inside', text('c.let({x:{a:1}}, ()=>{x.a=2}, ()=>x)'), {}, { a: 2 }],
  ['a reserved word is no variable', text('c.let({class:1}, ()=>1)'), {}, threw('[0]')],
  ['nor for a literal', text('c.let({class:1}, c.literal(1))'), {}, threw('[0]')],
  ['hidden names are free', text('c.let({params:7}, c.if(()=>params===7, ()=>params, ()=>"no"))'), {}, { value: 7 }],
  ['and not seen', text('c.if(()=>typeof params==="undefined", ()=>"hidden", ()=>"visible")'), {}, { value: 'hidden' }],
  [
    'retain gives what the function changed',
    c.retain((p: any) => void (p.z = 1)),
    { a: 1 },
    { params: { a: 1 }, result: { a: 1, z: 1 } },
  ],
  ['null is a value', c.function(() => null), {}, { value: null }],
  ['an array is a value', c.function(() => [1, 2]), {}, { value: [1, 2] }],
  ['a date is its text', c.function(() => new Date(0)), {}, { value: '1970-01-01T00:00:00.000Z' }],
  [
    'an error of null stops',
    c.seq(
      () => ({ error: null, a: 1 }),
      () => 'next',
    ),
    {},
    { error: null },
  ],
  ['an error of null is caught', c.try(() => ({ error: null, a: 1 }), 'rec'), {}, { got: { error: null } }],
  [
    'an empty error stops',
    c.seq(
      () => ({ error: '' }),
      () => 'next',
    ),
    {},
    { error: '' },
  ],
  [
    'a function is no result',
    c.function(() => () => 1),
    {},
    { error: 'Function combinator evaluated to a function type at AST node root' },
  ],
  ['code that is a text is evaluated again', c.function('"x=>({s:1})"'), {}, { s: 1 }],
  ['code that is a number fails', c.function('42'), {}, threw('')],
  [
    'an action that is not there can be caught',
    c.try('nosuch', (e: unknown) => ({ caught: e })),
    {},
    { caught: { error: "Failed to resolve action with name '/_/nosuch' during composition." } },
  ],
  ['a mask may have nothing to hide', c.mask(() => 1), {}, { value: 1 }],
  ['parallel takes errors as data', c.parallel('inc', 'fail'), { n: 1 }, { value: [{ n: 2 }, { error: 'boom' }] }],
  [
    'inside try too',
    c.try(c.parallel('inc', 'fail'), () => 'caught'),
    { n: 1 },
    { value: [{ n: 2 }, { error: 'boom' }] },
  ],
  [
    'branches have their own variables',
    text('c.let({x:1}, c.parallel(()=>{x++;return x}, ()=>{x+=10;return x}), ({value})=>({value,x}))'),
    {},
    { value: [{ value: 2 }, { value: 11 }], x: 1 },
  ],
  [
    'map boxes what is no object',
    c.map('rec'),
    { value: [1, null, 'a', [1], { error: 'e', k: 1 }, { a: 1 }], o: 9 },
    {
      value: [1, null, 'a', [1], { error: 'e', k: 1 }, { a: 1 }].map((v) => ({
        got: v !== null && typeof v === 'object' && !Array.isArray(v) ? v : { value: v },
      })),
    },
  ],
  ['an empty map', c.map(), { value: [1, { error: 'e', k: 1 }] }, { value: [{ value: 1 }, { error: 'e' }] }],
  [
    'map of what is no array fails',
    c.seq(c.map('rec')),
    { value: 5 },
    { error: 'Parallel combinator failed to invoke a composition at AST node root[0] (see log for details)' },
  ],
  ['which can be caught', c.try(c.map('rec'), () => 'caught'), { value: 'ab' }, { value: 'caught' }],
  ['map without a value', c.map('echo'), { a: 1 }, { value: [] }],
  ['parallel of nothing', c.parallel(), { a: 1 }, { value: [] }],
];

describe('a composition as a graph gives what Composer gives', () => {
  test.each(probes)('%s', async (_, program, input, expected) => {
    const compiled = JSON.parse(JSON.stringify(program.compile()));
    for (const form of [compiled.ast, compiled.composition]) {
      expect(await runGraph(compileComposition(form), input, recorder().invoke)).toEqual(expected);
    }
    if (originalFolder === undefined) return;
    expect(await runOriginal(compiled, input, recorder().invoke)).toEqual(expected);
  });
});
