import { activationIdOf } from '@dataflower/common';
import fc from 'fast-check';
import type { Tag, Token } from '../../pipes/pipe.js';
import { createDataSink } from '../../sink/index.js';
import type { Value } from '../../sink/value.js';
import { compilePlan } from '../plan/compiler.js';
import { action, edges, graph } from '../testing/workflows.js';
import type { Work } from '../turns/turns.js';
import { WaitMatch } from './wait-match.js';

// Three scatters inside each other, and values from every level around them: what is matched, and when it goes.

const sink = createDataSink({ handoverDir: false });
afterAll(() => sink.close());

const nested = compilePlan(
  graph(
    [
      action('a', { outputs: { each: 'FOREACH' } }),
      action('b', { outputs: { each: 'FOREACH' } }),
      action('c', { outputs: { each: 'FOREACH' } }),
      action('n', { inputs: { item: 'NORMAL', top: 'NORMAL', one: 'NORMAL', two: 'NORMAL' } }),
      action('end'),
    ],
    edges(
      '$USER.params -> a.in',
      'a.each -> b.in',
      'b.each -> c.in',
      'c.each -> n.item',
      '$USER.params -> n.top',
      'a.each -> n.one',
      'b.each -> n.two',
      '$USER.params -> end.in',
      'end.out -> $USER.result',
    ),
  ),
);
const node = nested.nodes.find(({ id }) => id === 'n')!;

/** All tokens for a node inside three scatters; `counts[i][j]` values in the innermost. */
function tokensOf(counts: readonly (readonly number[])[]): Token[] {
  const tokens: Token[] = [];
  const token = (port: number, tag: Tag, more: Partial<Token>): void => {
    const context = { env: null, components: 0, from: 0 };
    const all = { activationId: activationIdOf('1'), port, tag, value: undefined, count: undefined, context };
    tokens.push({ ...all, ...more });
  };
  const value = (name: string, tag: Tag): void => {
    token(node.inputs.find((input) => input.name === name)!.index, tag, {
      value: sink.put(Buffer.from(`${name}@${tag.join('.')}`), 0),
    });
  };
  const count = (producer: string, tag: Tag, of: number): void => {
    const [foreach] = nested.nodes.find(({ id }) => id === producer)!.foreach;
    for (const { index } of foreach!.counted) token(index, tag, { count: of });
  };
  value('top', []);
  count('a', [], counts.length);
  for (const [i, inner] of counts.entries()) {
    value('one', [i]);
    count('b', [i], inner.length);
    for (const [j, innermost] of inner.entries()) {
      value('two', [i, j]);
      count('c', [i, j], innermost);
      for (let k = 0; k < innermost; k++) value('item', [i, j, k]);
    }
  }
  return tokens;
}

function tableOf(ready: (inputs: readonly Value[]) => void): WaitMatch {
  return new WaitMatch(node, sink, { ready: (_tag, inputs) => ready(inputs), fits: () => true, inTurns: done });
}

function done(work: Work): void {
  while (work.next().done !== true);
}

const text = ({ bytes }: Value): string => bytes?.toString() ?? '';
const counts = fc.array(fc.array(fc.nat(2), { maxLength: 3 }), { maxLength: 3 });

test('W1, W2, W4: every instance gets its values once, in any order and again, and each value goes with its last', () => {
  fc.assert(
    fc.property(counts, fc.infiniteStream(fc.nat()), (tree, draws) => {
      const got: string[][] = [];
      const table = tableOf((inputs) => {
        got.push(inputs.map(text));
        for (const input of inputs) input.release();
      });
      const left = tokensOf(tree);
      const delivered: Token[] = [];
      while (left.length > 0) {
        const { value: draw } = draws.next();
        const [token] = left.splice(draw! % left.length, 1) as [Token];
        // A pipe that delivers twice gives a reference each time; one that was taken long ago has no bytes left.
        const twice = draw! % 3 === 0;
        if (twice) token.value?.retain();
        expect(table.accept(nested.inputs[token.port]!, token)).toBe(true);
        if (twice) expect(table.accept(nested.inputs[token.port]!, token)).toBe(false);
        delivered.push(token);
      }
      const instances = tree.flatMap((inner, i) =>
        inner.flatMap((count, j) => Array.from({ length: count }, (_, k) => [i, j, k])),
      );
      const expected = instances.map(([i, j, k]) => [`item@${i}.${j}.${k}`, 'top@', `one@${i}`, `two@${i}.${j}`]);
      expect(got.sort()).toEqual(expected.sort());
      for (const token of delivered)
        expect(table.accept(nested.inputs[token.port]!, { ...token, value: token.value && again() })).toBe(false);
      expect(sink.metrics.values).toBe(0);
    }),
    { numRuns: 1500 },
  );
});

test('W2: at any moment everything can be let go; what comes later is told from its duplicates all the same', () => {
  fc.assert(
    fc.property(counts, fc.infiniteStream(fc.nat()), fc.nat(30), (tree, draws, moment) => {
      const table = tableOf((inputs) => {
        for (const input of inputs) input.release();
      });
      const left = tokensOf(tree);
      for (let at = 0; left.length > 0; at++) {
        if (at === moment) {
          table.refuse();
          done(table.letGo());
          const waiting = sink.metrics.values - left.filter(({ value }) => value !== undefined).length;
          expect(waiting).toBe(0);
        }
        const [token] = left.splice(draws.next().value! % left.length, 1) as [Token];
        expect(table.accept(nested.inputs[token.port]!, token)).toBe(true);
        expect(table.accept(nested.inputs[token.port]!, { ...token, value: token.value && again() })).toBe(false);
      }
      table.refuse();
      done(table.letGo());
      expect(sink.metrics.values).toBe(0);
    }),
    { numRuns: 800 },
  );
});

function again(): Value {
  return sink.put(Buffer.from('again'), 0);
}
