import { setImmediate as nextTurn } from 'node:timers/promises';
import type { GraphNode } from '@dataflower/composer/graph';
import { Bench, type Started } from './testing/bench.js';
import { action, edges, graph, workflow } from './testing/workflows.js';

// Facts that operators need of a value that is too large to be opened in the event loop.

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});
afterEach(() => bench.close());

/** Runs `first`, whose result goes to the node; gives how many turns the event loop had before the end. */
async function run(
  node: GraphNode,
  result: unknown,
  wires: string[],
  more: GraphNode[] = [],
): Promise<[Started, number]> {
  bench.executor.script('first', () => [{ end: result }]);
  const started = bench.start(
    workflow(graph([action('first'), node, ...more], edges('$USER.params -> first.in', 'first.out -> n.in', ...wires))),
  );
  let turns = 0;
  for (; bench.engine.size > 0; turns++) {
    bench.executor.runAll();
    await nextTurn();
  }
  return [started, turns];
}

const padding = 'x'.repeat(600_000);

test.each([
  [{ at: { kind: 'b' }, padding }, { took: 'b' }],
  [{ at: { kind: 7 }, padding }, { took: 'other' }],
  [{ padding }, { took: 'other' }],
])('a switch goes by a member of one (%#)', async (result, expected) => {
  const node: GraphNode = {
    id: 'n',
    kind: 'switch',
    path: ['at', 'kind'],
    cases: [
      { equals: 'a', port: 'a' },
      { equals: 'b', port: 'b' },
    ],
    default: 'other',
  };
  const ways = ['a', 'b', 'other'];
  for (const way of ways) bench.executor.script(way, () => [{ end: { took: way } }]);
  const [started] = await run(
    node,
    result,
    ways.flatMap((way) => [`n.${way} -> ${way}.in`, `${way}.out -> $USER.result`]),
    ways.map((way) => action(way)),
  );
  expect(started.result).toEqual(expected);
});

test('a switch that knows no case says so', async () => {
  const node: GraphNode = { id: 'n', kind: 'switch', path: ['at'], cases: [{ equals: 1, port: 'one' }] };
  const [started] = await run(node, { at: [1], padding }, ['n.one -> $USER.result']);
  expect(started.result.error).toBe('No case of the switch "n" matches a list at $.at, and it has no default.');
});

const gathered = [
  'n.item -> work.in',
  'work.out -> g.in',
  'n.scope -> g.scope',
  'g.out -> last.in',
  'last.out -> $USER.result',
];
const scatter: GraphNode = { id: 'n', kind: 'scatter', path: '[1]' };

test('a map runs over a list in one, and the event loop turns meanwhile', async () => {
  const value = Array.from({ length: 20_000 }, (_, i) => (i % 2 === 0 ? i : { i, text: 'ü'.repeat(20) }));
  bench.executor.script('last', (params) => [
    {
      end: {
        count: (params as { value: unknown[] }).value.length,
        two: (params as { value: unknown[] }).value.slice(0, 2),
      },
    },
  ]);
  const [started, turns] = await run(scatter, { value }, gathered, [
    action('work'),
    { id: 'g', kind: 'gather' },
    action('last'),
  ]);
  expect(started.result).toEqual({ count: 20_000, two: [{ value: 0 }, { i: 1, text: 'ü'.repeat(20) }] });
  expect(turns).toBeGreaterThan(100);
});

test('a map over one that holds no list fails as over any other', async () => {
  const [started] = await run(scatter, { value: padding }, gathered, [
    action('work'),
    { id: 'g', kind: 'gather' },
    action('last'),
  ]);
  expect(started.result.error).toMatch(/^Parallel combinator failed/);
});

test('of one with an error only the error is left', async () => {
  const strip: GraphNode = { id: 'n', kind: 'strip' };
  bench.executor.script('first', () => [{ end: { error: { why: 'x' }, padding }, status: 1 }]);
  const started = bench.start(
    workflow(
      graph(
        [action('first'), strip],
        edges('$USER.params -> first.in', 'first.error -> n.in', 'n.out -> $USER.result'),
      ),
    ),
  );
  while (bench.engine.size > 0) {
    bench.executor.runAll();
    await nextTurn();
  }
  expect(started.result).toEqual({ error: { why: 'x' } });
});

test('parameters bound to a workflow inside another lie below one', async () => {
  const inner = {
    ...workflow(
      graph([action('inside')], edges('$USER.params -> inside.in', 'inside.out -> $USER.result')),
      'composition',
    ),
    parameters: { bound: 1, kept: 2 },
  };
  bench.executor.script('first', () => [{ end: { bound: 'given', padding } }]);
  bench.executor.script('inside', (params) => {
    const { bound, kept } = params as Record<string, unknown>;
    return [{ end: { bound, kept } }];
  });
  const around = graph(
    [action('first'), action('inner')],
    edges('$USER.params -> first.in', 'first.out -> inner.in', 'inner.out -> $USER.result'),
  );
  const started = bench.start(workflow(around, 'graph', { inner }));
  while (bench.engine.size > 0) {
    bench.executor.runAll();
    await nextTurn();
  }
  expect(started.result).toEqual({ bound: 'given', kept: 2 });
});
