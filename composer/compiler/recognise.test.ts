import fc from 'fast-check';
import composer from '../index.js';
import { conductorAction } from '../conductor/index.js';
import { graphDigest } from '../graph/index.js';
import { compileComposition, recogniseComposition } from './index.js';

const compiled = JSON.parse(JSON.stringify(composer.seq('a', composer.if('b', 'c')).compile()));
const { annotations, exec } = conductorAction({ name: '/_/x', ...compiled }).action;
const digest = graphDigest(compileComposition(compiled.ast));
const without = (key: string): unknown => annotations.filter((a) => a.key !== key);
const conductor = (value: unknown): unknown => [...(without('conductor') as object[]), { key: 'conductor', value }];

test('a deployment is recognised by its annotation', () => {
  expect(graphDigest(recogniseComposition(annotations, exec.code)!)).toBe(digest);
  expect(graphDigest(recogniseComposition(annotations, undefined)!)).toBe(digest);
});

test('one whose combinators are not known is recognised by its code', () => {
  const graph = recogniseComposition(conductor({ type: 'my.own', components: [] }), exec.code);
  expect(graphDigest(graph!)).toBe(graphDigest(compileComposition(compiled.composition)));
  const debug = recogniseComposition(conductor({ type: 'my.own' }), `process.env.DEBUG='x'\n\n${exec.code}`);
  expect(debug).toEqual(graph);
});

test.each<[string, unknown, unknown]>([
  ['an action', [], 'code'],
  ['a conductor written by hand', conductor(true), exec.code],
  ['a composition of an unknown maker', without('composerVersion'), exec.code],
  [
    'a composition that cannot be compiled',
    conductor({ type: 'while' }),
    exec.code.replace('"sequence"', '"while_nosave"'),
  ],
  ['code that was changed', conductor({ type: 'my.own' }), exec.code.replace('"type"', 'type')],
  ['code that was cut', conductor({ type: 'my.own' }), exec.code.slice(0, 150)],
  ['an archive', conductor({ type: 'my.own' }), undefined],
])('%s is not', (_, given, code) => expect(recogniseComposition(given, code)).toBeUndefined());

test('anything else is not, and never throws', () => {
  fc.assert(
    fc.property(fc.anything(), fc.anything(), fc.anything(), (given, value, code) => {
      expect(recogniseComposition(given, code)).toBeUndefined();
      recogniseComposition(conductor(value), code);
    }),
  );
});
