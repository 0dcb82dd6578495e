import { Bench } from './testing/bench.js';
import { action, edges, functionTarget, graph, sequence, workflow } from './testing/workflows.js';

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});
afterEach(() => bench.close());

test('a function by itself is answered with its result and leaves one record', () => {
  const started = bench.run(functionTarget('f'), { a: 1 });
  expect(started.result).toEqual({ a: 1 });
  expect(bench.records.appended).toHaveLength(1);
  expect(bench.records.appended[0]).toMatchObject({ activationId: started.id, name: 'f', status: 0 });
  expect(bench.records.appended[0]!.cause).toBeUndefined();
});

test('each function of a chain gets what the one before returned', () => {
  bench.executor.otherwise = (params) => [{ end: { n: (params as { n: number }).n + 1 } }];
  const started = bench.run(sequence(['a', 'b', 'c']), { n: 1 });
  expect(started.result).toEqual({ n: 4 });
  expect(started.answers[0]!.logs).toHaveLength(3);
});

test('a log that is whole later than its value holds up the record and the answer, and no function', async () => {
  const started = bench.start(sequence(['a', 'b']));
  let complete!: (logs: readonly string[]) => void;
  const first = bench.held('a').start();
  first.allLogs = new Promise((resolve) => (complete = resolve));
  first.end({ n: 1 });
  expect(bench.held('b').start().params).toEqual({ n: 1 });
  bench.held('b').end({ n: 2 });
  expect(bench.records.appended.map(({ name }) => name)).toEqual(['b']);
  expect(started.answers).toEqual([]);
  complete(['the line']);
  await first.allLogs;
  await Promise.resolve();
  expect(bench.records.appended.find(({ name }) => name === 'a')!.logs).toEqual(['the line']);
  expect(started.result).toEqual({ n: 2 });
});

test('a fan-out over an unknown count is collected in order of index', () => {
  const split = action('split', { outputs: { part: 'FOREACH' } });
  const merge = action('merge', { inputs: { all: 'LIST' } });
  const flow = graph(
    [split, action('count'), merge],
    edges('$USER.params -> split.in', 'split.part -> count.in', 'count.out -> merge.all', 'merge.out -> $USER.result'),
  );
  const started = bench.start(workflow(flow));
  const splitting = bench.held('split').start();
  for (let i = 0; i < 3; i++) expect(splitting.emit('part', { i })).toBe(true);
  const [first, second, third] = bench.executor.open.filter(({ name }) => name === 'count');
  third!.end({ got: 3 });
  first!.end({ got: 1 });
  splitting.end({});
  expect(bench.open).toEqual(['count']);
  second!.end({ got: 2 });
  expect(bench.held('merge').params).toEqual([{ got: 1 }, { got: 2 }, { got: 3 }]);
  bench.executor.runAll();
  expect(started.result).toEqual([{ got: 1 }, { got: 2 }, { got: 3 }]);
});
