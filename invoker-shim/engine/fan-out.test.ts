import { setImmediate as nextTurn } from 'node:timers/promises';
import { Bench, type Started } from './testing/bench.js';
import { action, edges, graph, workflow } from './testing/workflows.js';

// Many instances of one node: in which order they run, and what is left of them.

const AHEAD = 3;

let bench: Bench;
beforeEach(() => {
  bench = new Bench({ instancesAhead: AHEAD });
});
afterEach(() => bench.close());

const flow = graph(
  [action('split', { outputs: { part: 'FOREACH' } }), action('work'), action('merge', { inputs: { all: 'LIST' } })],
  edges('$USER.params -> split.in', 'split.part -> work.in', 'work.out -> merge.all', 'merge.out -> $USER.result'),
);

/** Emits so many parts and ends. */
function split(parts: number): Started {
  bench.executor.script('split', () => [
    ...Array.from({ length: parts }, (_, i) => ({ emit: 'part', value: { i } })),
    { end: {} },
  ]);
  const started = bench.start(workflow(flow));
  const splitting = bench.held('split');
  while (splitting.state !== 'DONE') splitting.advance();
  return started;
}

const inHand = (): number[] => bench.executor.open.map(({ params }) => (params as { i: number }).i);

test('E9: the executor has so many instances of a node at once, and the next in order when one is done', () => {
  split(6);
  expect(inHand()).toEqual([0, 1, 2]);
  expect(bench.engine.waiting).toBe(3);
  bench.executor.open[1]!.end({ done: 1 });
  expect(inHand()).toEqual([0, 2, 3]);
  bench.executor.open[0]!.end({ done: 0 });
  expect(inHand()).toEqual([2, 3, 4]);
  expect(bench.engine.waiting).toBe(1);
  bench.executor.runAll();
  expect(bench.engine.waiting).toBe(0);
});

test('E9: thousands of instances run in order and give their results in order', () => {
  const ran: number[] = [];
  bench.executor.script('work', (params) => {
    const { i } = params as { i: number };
    ran.push(i);
    return [{ end: { got: i } }];
  });
  const started = split(5000);
  bench.executor.runAll();
  const all = Array.from({ length: 5000 }, (_, i) => i);
  expect(ran).toEqual(all);
  expect(started.result).toEqual(all.map((got) => ({ got })));
  const parts = started.answers[0]!.logs.map(
    (id) => bench.records.last(id)!.annotations['dataflow'] as { tag: number[] },
  );
  expect(parts.slice(1, -1).map(({ tag }) => tag[0])).toEqual(all);
});

test('E8, E9: what waits in line when the workflow fails never runs, and is no part of it', () => {
  const started = split(50);
  bench.executor.open[0]!.fail('no');
  expect(started.result).toEqual({ error: 'no' });
  expect(bench.engine.waiting).toBe(0);
  bench.executor.runAll();
  expect(bench.records.last(started.id)!.logs).toHaveLength(2);
});

test('E8, E9: a run that ends while it is handed over is followed by all that wait behind it, in several turns', async () => {
  const { executor } = bench;
  const execute = executor.execute.bind(executor);
  const started = split(20_000);
  // From now on a run ends at once, inside the call that hands it over.
  let inTurn = 0;
  let most = 0;
  executor.execute = (run) => {
    if (inTurn++ === 0) setImmediate(() => (inTurn = 0));
    most = Math.max(most, inTurn);
    execute(run);
    executor.open.at(-1)!.end({});
  };
  bench.executor.open[0]!.end({});
  while (bench.engine.waiting > 0) await nextTurn();
  executor.execute = execute;
  expect(most).toBeLessThan(1000);
  while (bench.engine.size > 0) {
    bench.executor.runAll();
    await nextTurn();
  }
  expect(started.result).toHaveLength(20_000);
});

test('an instance in line waits from the moment that it has its inputs', () => {
  split(4);
  bench.clock.advance(500);
  for (const run of [...bench.executor.open]) run.end({});
  bench.executor.open[0]!.end({});
  const [last] = bench.records.appended.filter(({ name }) => name === 'work').slice(-1);
  expect(last!.annotations).toMatchObject({ waitTime: 500, dataflow: { tag: [3] } });
  bench.executor.runAll();
});

test('the lines of scatters inside each other keep their tags apart', () => {
  const nested = graph(
    [
      action('outer', { outputs: { row: 'FOREACH' } }),
      action('inner', { outputs: { cell: 'FOREACH' } }),
      action('work'),
      action('row', { inputs: { cells: 'LIST' } }),
      action('all', { inputs: { rows: 'LIST' } }),
    ],
    edges(
      '$USER.params -> outer.in',
      'outer.row -> inner.in',
      'inner.cell -> work.in',
      'work.out -> row.cells',
      'row.out -> all.rows',
      'all.out -> $USER.result',
    ),
  );
  const emits = (port: string, row = ''): { emit: string; value: unknown }[] =>
    Array.from({ length: 4 }, (_, i) => ({ emit: port, value: { at: `${row}${i}` } }));
  bench.executor.script('outer', () => [...emits('row'), { end: {} }]);
  bench.executor.script('inner', (params) => [...emits('cell', (params as { at: string }).at), { end: {} }]);
  const started = bench.run(workflow(nested));
  expect(started.result).toEqual([0, 1, 2, 3].map((row) => [0, 1, 2, 3].map((cell) => ({ at: `${row}${cell}` }))));
});
