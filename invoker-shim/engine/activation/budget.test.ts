import { setImmediate as nextTurn } from 'node:timers/promises';
import type { GraphNode } from '@dataflower/composer/graph';
import { createLocalPipe } from '../../pipes/index.js';
import { BUDGET_LIMITS, type BudgetLimits } from './budget.js';
import { Bench, type Started } from '../testing/bench.js';
import { action, edges, graph, workflow } from '../testing/workflows.js';

let bench: Bench;
afterEach(() => bench.close());

function open(limits: Partial<BudgetLimits>): void {
  bench = new Bench({
    budget: { ...BUDGET_LIMITS, ...limits },
    openPipe: (receive) => createLocalPipe(receive),
  });
}

/** Runs everything by the scripts, turn by turn, and gives how many turns the event loop has had. */
async function runAll(): Promise<number> {
  let turns = 0;
  for (; bench.engine.size > 0; turns++) {
    bench.executor.runAll();
    await nextTurn();
  }
  return turns;
}

const errorOf = ({ answers, result }: Started): unknown => [answers[0]!.status, (result as { error: unknown }).error];
const list = (length: number): { value: number[] } => ({ value: Array.from({ length }, (_, i) => i) });

/** A map over items with an operator inside; its error is caught. */
const mapped = (inside: GraphNode): ReturnType<typeof graph> =>
  graph(
    [{ id: 's', kind: 'scatter', path: '' }, inside, { id: 'g', kind: 'gather' }],
    edges(
      '$USER.params -> s.in',
      `s.item -> ${inside.id}.in`,
      `${inside.id}.out -> g.in`,
      's.scope -> g.scope',
      'g.out -> $USER.result',
    ),
  );
const strip: GraphNode = { id: 'n', kind: 'strip' };

test.each<[string, Partial<BudgetLimits>, string]>([
  ['tokens', { tokens: 1000 }, 'The workflow makes more than 1000 tokens (limits.workflowTokens).'],
  ['instances', { instances: 500 }, 'The workflow starts more than 500 instances (limits.workflowInstances).'],
  ['values', { valueBytes: 2000 }, 'limit is 2000 (limits.workflowValueBytes).'],
])(
  'E10: a run over its budget of %s ends with an error that names the number and the key',
  async (_what, limits, text) => {
    open(limits);
    const started = bench.start(workflow(mapped(strip)), list(700));
    await runAll();
    expect(errorOf(started)).toEqual([1, expect.stringContaining(text)]);
  },
);

test('E10: as many tokens and instances as the budget has are no error', async () => {
  open({ tokens: 2 * 700 + 5, instances: 700 });
  const started = bench.start(workflow(mapped(strip)), list(700));
  await runAll();
  expect(started.answers[0]!.status).toBe(0);
});

test('E10: workflows inside share the budget of the one around them, which ends with all of them', async () => {
  open({ instances: 100 });
  const twice = workflow(
    graph(
      [action('a', {}, 'twice'), action('b', {}, 'twice')],
      edges('$USER.params -> a.in', '$USER.params -> b.in', 'a.out -> $USER.a', 'b.out -> $USER.b'),
    ),
    'graph',
    {},
    'twice',
  );
  for (const name of twice.actions.keys()) (twice.actions as Map<string, unknown>).set(name, twice);
  const started = bench.start(twice);
  await runAll();
  expect(errorOf(started)).toEqual([1, 'The workflow starts more than 100 instances (limits.workflowInstances).']);
  expect(bench.records.named('twice').length).toBeLessThanOrEqual(101);
});

test('E10: nothing in a workflow takes the error of its budget, and what runs is stopped', async () => {
  open({ instances: 300 });
  const caught = graph(
    [
      action('slow'),
      action('first'),
      { id: 's', kind: 'scatter', path: '' },
      action('work'),
      { id: 'g', kind: 'gather' },
      action('handler', { inputs: { in: 'NORMAL' } }),
    ],
    edges(
      '$USER.params -> slow.in',
      '$USER.params -> first.in',
      'first.out -> s.in',
      's.item -> work.in',
      'work.out -> g.in',
      's.scope -> g.scope',
      's.error -> handler.in',
      'g.out -> $USER.a',
      'slow.out -> $USER.b',
      'handler.out -> $USER.a',
    ),
  );
  const started = bench.start(workflow(caught));
  const slow = bench.held('slow').start();
  bench.held('first').end(list(400));
  await runAll();
  expect(slow.state).toBe('DONE');
  expect(errorOf(started)).toEqual([1, 'The workflow starts more than 300 instances (limits.workflowInstances).']);
  expect(bench.executor.executed.map(({ spec }) => spec.key)).toEqual(['slow', 'first']);
});

test('a constant is in the sink once, however many instances put it out', async () => {
  open({});
  const literal: GraphNode = { id: 'l', kind: 'literal', value: { text: 'x'.repeat(100_000) } };
  const started = bench.start(workflow(mapped(literal)), list(500));
  await runAll();
  expect(bench.sink.metrics.peakResidentBytes).toBeLessThan(20 * 100_000);
  expect(started.answers).toHaveLength(1);
});

test('E11, E4: the event loop turns while items run, while they are put together, and while what waits is given up', async () => {
  open({});
  const pairs = graph(
    [
      { id: 's', kind: 'scatter', path: '' },
      action('never'),
      action('both', { inputs: { item: 'NORMAL', outer: 'NORMAL' } }),
      action('all', { inputs: { in: 'LIST' } }),
    ],
    edges(
      '$USER.params -> s.in',
      '$USER.params -> never.in',
      's.item -> both.item',
      'never.out -> both.outer',
      'both.out -> all.in',
      'all.out -> $USER.result',
    ),
  );
  const waiting = bench.start(workflow(pairs), list(30_000));
  const values = (): number => bench.sink.metrics.values;
  let turns = 0;
  for (; values() < 30_000; turns++) await nextTurn();
  expect(turns).toBeGreaterThan(5);
  bench.engine.cancel(waiting.id, 'Enough.');
  // The answer does not wait until everything is released; the end does.
  expect(waiting.result).toEqual({ error: 'Enough.' });
  expect(values()).toBeGreaterThan(10_000);
  expect(await runAll()).toBeGreaterThan(5);
  expect(values()).toBe(0);
});

test('E11: a value that many wait for reaches them in several turns, each once', async () => {
  open({});
  const late = graph(
    [
      { id: 's', kind: 'scatter', path: '' },
      action('late'),
      action('both', { inputs: { item: 'NORMAL', outer: 'NORMAL' } }),
      action('all', { inputs: { in: 'LIST' } }),
    ],
    edges(
      '$USER.params -> s.in',
      '$USER.params -> late.in',
      's.item -> both.item',
      'late.out -> both.outer',
      'both.out -> all.in',
      'all.out -> $USER.result',
    ),
  );
  bench.executor.script('both', (params) => [{ end: { i: (params as { item: { value: number } }).item.value } }]);
  bench.executor.script('all', (params) => [
    { end: { sum: (params as { i: number }[]).reduce((a, { i }) => a + i, 0) } },
  ]);
  const started = bench.start(workflow(late), list(3000));
  const held = bench.held('late');
  while (bench.sink.metrics.values < 3000) await nextTurn();
  held.end({});
  await runAll();
  expect(started.result).toEqual({ sum: (3000 * 2999) / 2 });
});
