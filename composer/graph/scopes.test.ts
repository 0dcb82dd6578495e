import { action, graphOf, wordCount } from '../testing/graphs.js';
import { scopes } from './index.js';

test('a FOREACH output opens a scope, a LIST input closes it', () => {
  expect(Object.fromEntries(scopes(wordCount))).toEqual({ split: [], count: ['split.parts'], merge: [] });
});

test('scopes nest, and a value from outside does not change them', () => {
  const graph = graphOf(
    [
      action('a', { in: 'NORMAL' }, { o: 'FOREACH' }),
      action('b', { in: 'NORMAL', all: 'NORMAL' }, { o: 'FOREACH' }),
      action('c', { in: 'NORMAL', all: 'NORMAL', one: 'NORMAL' }),
      action('d', { list: 'LIST', one: 'NORMAL' }),
      action('e', { list: 'LIST' }),
    ],
    `$USER.params → a.in
     a.o → b.in
     $USER.params → b.all
     b.o → c.in
     a.out → c.all
     b.out → c.one
     c.out → d.list
     b.out → d.one
     d.out → e.list
     e.out → $USER.result`,
  );
  const inner = ['a.o', 'b.o'];
  expect(Object.fromEntries(scopes(graph))).toEqual({ a: [], b: ['a.o'], c: inner, d: ['a.o'], e: [] });
});

test('a gather takes its environment from around the scatter', () => {
  const graph = graphOf(
    [{ id: 's', kind: 'scatter', path: '' }, action('x'), { id: 'g', kind: 'gather' }],
    `$USER.params → s.in
     s.item → x.in
     x.out → g.in
     x.error → g.in
     s.scope → g.scope
     g.out → $USER.result`,
  );
  expect(Object.fromEntries(scopes(graph))).toEqual({ s: [], x: ['s.item'], g: [] });
});
