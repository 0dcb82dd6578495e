import type { Target } from '../host/host.js';
import { Bench } from './testing/bench.js';
import { action, edges, functionTarget, graph, sequence, workflow } from './testing/workflows.js';

// OpenWhisk's semantics of sequences and of workflows inside workflows: results, records, limits.

let bench: Bench;
afterEach(() => bench.close());
beforeEach(() => {
  bench = new Bench();
});

const names = (ids: readonly string[]): string[] => ids.map((id) => bench.records.last(id)!.name);

test('an error in the initial payload does not stop a sequence', () => {
  expect(bench.run(sequence(['a']), { error: 'in' }).answers[0]!.status).toBe(1);
  expect(bench.executor.executed).toHaveLength(1);
});

test.each([
  [{ error: 'boom' }, 1],
  [{ error: 'died' }, 2],
  [{ error: 'no container' }, 3],
] as const)('a step that ends with %j stops it: its response is the sequence’s', (end, status) => {
  bench.executor.script('b', () => [{ end, status }]);
  const { result, answers } = bench.run(sequence(['a', 'b', 'c']));
  expect(result).toEqual(end);
  expect(answers[0]!.status).toBe(status);
  expect(names(answers[0]!.logs)).toEqual(['a', 'b']);
});

test('a result with an error stops it although the function did not fail', () => {
  bench.executor.script('a', () => [{ end: { error: null, more: 1 } }]);
  const { result, answers } = bench.run(sequence(['a', 'b']));
  expect(result).toEqual({ error: null, more: 1 });
  expect(answers[0]!.status).toBe(1);
});

test('a name that leads nowhere is an application error when it is reached', () => {
  const missing: Target = { type: 'missing', error: 'Sequence component does not exist.' };
  const { result, answers } = bench.run(sequence(['a', 'nosuch', 'c'], { nosuch: missing }));
  expect(result).toEqual({ error: 'Sequence component does not exist.' });
  expect(answers[0]).toMatchObject({ status: 1, logs: [expect.any(String)] });
});

test('records: parts have the cause, the sequence their sum and their ids in order', () => {
  bench.executor.otherwise = () => [{ emit: 'nowhere', value: 1 }];
  const started = bench.start(sequence(['a', 'b']), {});
  for (const ms of [30, 12]) {
    bench.clock.advance(100);
    const held = bench.executor.open[0]!.start();
    bench.clock.advance(ms);
    held.end({ ms });
  }
  const [record] = started.answers;
  expect(record).toMatchObject({ duration: 42, annotations: { topmost: true, kind: 'sequence', path: 'guest/flow' } });
  expect(names(record!.logs)).toEqual(['a', 'b']);
  const first = bench.records.last(record!.logs[0]!)!;
  expect(first).toMatchObject({
    cause: started.id,
    duration: 30,
    annotations: { causedBy: 'sequence', waitTime: 100, dataflow: { node: '0', tag: [] } },
  });
  // One record each; those of the parts are there when the answer leaves.
  expect(bench.records.appended.map(({ name }) => name)).toEqual(['a', 'b', 'flow']);
});

test('a sequence inside a sequence is one part, an activation of its own with its parts', () => {
  const inner = sequence(['b', 'c'], {}, 'inner');
  const started = bench.run(sequence(['a', 'inner', 'd'], { inner }), { n: 1 });
  expect(started.result).toEqual({ n: 1 });
  expect(names(started.answers[0]!.logs)).toEqual(['a', 'inner', 'd']);
  const [record] = bench.records.named('inner');
  expect(record).toMatchObject({ cause: started.id, annotations: { topmost: false, causedBy: 'sequence' } });
  expect(names(record!.logs)).toEqual(['b', 'c']);
  expect(bench.records.named('c')[0]!.cause).toBe(record!.activationId);
});

test('an error inside goes through all sequences around it with its status', () => {
  bench.executor.script('b', () => [{ end: { error: 'died' }, status: 2 }]);
  const started = bench.run(sequence(['inner', 'd'], { inner: sequence(['b'], {}, 'inner') }));
  expect(started.answers[0]).toMatchObject({ status: 2, result: '{"error":"died"}' });
  expect(bench.records.named('inner')[0]).toMatchObject({ status: 2 });
});

test('an inner workflow goes on after its answer; the records are completed when it ends', () => {
  // Its result is there before its side branch has run.
  const inner = workflow(
    graph(
      [action('quick'), action('slow')],
      edges('$USER.params -> quick.in', '$USER.params -> slow.in', 'quick.out -> $USER.result'),
    ),
    'graph',
    {},
    'inner',
  );
  const started = bench.start(sequence(['inner'], { inner }));
  bench.held('slow').start();
  bench.held('quick').end({ done: 1 });
  expect(started.result).toEqual({ done: 1 });
  expect(started.answers[0]!.duration).toBe(0);
  bench.clock.advance(500);
  bench.held('slow').end({});
  expect(bench.records.named('inner')[0]).toMatchObject({ duration: 500, logs: { length: 2 } });
  expect(bench.records.last(started.id)).toMatchObject({ duration: 500, logs: { length: 1 } });
  expect(started.answers).toHaveLength(1);
});

describe('the limit of components', () => {
  beforeEach(() => {
    bench = new Bench({ componentLimit: 4 });
  });
  const chain = (count: number): string[] => Array.from({ length: count }, () => 'inc');

  test('as many as the limit run, one more is an error with OpenWhisk’s text', () => {
    expect(bench.run(sequence(chain(4))).answers[0]!.status).toBe(0);
    const { result, answers } = bench.run(sequence(chain(5)));
    expect(result).toEqual({ error: 'Too many actions in the sequence.' });
    expect(answers[0]).toMatchObject({ status: 1, logs: { length: 4 } });
  });

  test('sequences inside sequences count together', () => {
    expect(
      bench.run(sequence(['a', 'inner', 'b'], { inner: sequence(['c', 'd'], {}, 'inner') })).answers[0]!.status,
    ).toBe(0);
    const { result } = bench.run(sequence(['a', 'inner', 'b', 'c'], { inner: sequence(['c', 'd'], {}, 'inner') }));
    expect(result).toEqual({ error: 'Too many actions in the sequence.' });
  });

  test('a composition has its own text, which its try catches', () => {
    const ids = ['a', 'b', 'c', 'd', 'e'];
    const wires = ids.map((id, i) => ({ from: i === 0 ? '$USER.params' : `${ids[i - 1]!}.out`, to: `${id}.in` }));
    const text = 'Too many actions in the composition.';
    const nodes = ids.map((id) => action(id));
    expect(
      bench.run(workflow(graph(nodes, [...wires, ...edges('e.out -> $USER.result')]), 'composition')).result,
    ).toEqual({ error: text });
    const handler = { id: 'h', kind: 'strip' } as const;
    const caught = workflow(
      graph(
        [...nodes, handler],
        [...wires, ...edges('e.out -> $USER.result', 'e.error -> h.in', 'h.out -> $USER.result')],
      ),
      'composition',
    );
    expect(bench.run(caught).answers[0]).toMatchObject({ status: 0, result: JSON.stringify({ error: text }) });
  });

  test('a sequence in a composition is one component; compositions inside compositions count together', () => {
    const long = sequence(['s', 's', 's'], {}, 'long');
    const wires = edges('$USER.params -> a.in', 'a.out -> b.in', 'b.out -> $USER.result');
    const nested = (inner: Target): Record<string, Target> => ({ a: inner, b: inner });
    expect(
      bench.run(workflow(graph([action('a'), action('b')], wires), 'composition', nested(long))).answers[0]!.status,
    ).toBe(0);
    const two = workflow(
      graph([action('a'), action('b')], wires),
      'composition',
      { a: functionTarget('x'), b: functionTarget('y') },
      'two',
    );
    expect(bench.run(workflow(graph([action('a'), action('b')], wires), 'composition', nested(two))).result).toEqual({
      error: 'Too many actions in the composition.',
    });
  });

  test('parameters bound to a composition lie under what it is given inside another workflow, $composer is taken off', () => {
    const wires = edges('$USER.params -> f.in', 'f.out -> $USER.result');
    const inner = { ...workflow(graph([action('f')], wires), 'composition', {}, 'inner'), parameters: { p: 1, q: 1 } };
    const outer = graph([action('inner')], edges('$USER.params -> inner.in', 'inner.out -> $USER.result'));
    for (const kind of ['composition', 'graph', 'sequence'] as const)
      expect(bench.run(workflow(outer, kind, { inner }), { q: 2 }).result).toEqual({ p: 1, q: 2 });
    bench.executor.script('first', () => [{ end: { q: 2, $composer: { redis: {} } } }]);
    const given = bench.run(sequence(['first', 'inner'], { first: functionTarget('first'), inner }, 'long'), {
      q: 2,
    });
    expect(given.result).toEqual({ p: 1, q: 2 });
  });

  test('each element of a map and each branch of a parallel has a budget of its own', () => {
    const map = graph(
      [
        action('a'),
        action('b'),
        { id: 's', kind: 'scatter', path: '' },
        action('x'),
        action('y'),
        action('z'),
        { id: 'g', kind: 'gather' },
        action('after'),
      ],
      edges(
        '$USER.params -> a.in',
        'a.out -> b.in',
        'b.out -> s.in',
        's.item -> x.in',
        'x.out -> y.in',
        'y.out -> z.in',
        'z.out -> g.in',
        's.scope -> g.scope',
        'g.out -> after.in',
        'after.out -> $USER.result',
      ),
    );
    expect(bench.run(workflow(map, 'composition'), { value: [1, 2, 3, 4, 5, 6] }).answers[0]!.status).toBe(0);
    const parallel = graph(
      [
        action('a'),
        action('b'),
        action('c'),
        { id: 'f', kind: 'fork' },
        action('x'),
        action('y'),
        { id: 'j', kind: 'join', width: 1 },
        action('after'),
      ],
      edges(
        '$USER.params -> a.in',
        'a.out -> b.in',
        'b.out -> c.in',
        'c.out -> f.in',
        'f.branch -> x.in',
        'x.out -> y.in',
        'y.out -> j.0',
        'f.scope -> j.scope',
        'j.out -> after.in',
        'after.out -> $USER.result',
      ),
    );
    expect(bench.run(workflow(parallel, 'composition')).answers[0]!.status).toBe(0);
  });

  test('an endless recursion of sequences and compositions ends', () => {
    const actions = new Map<string, Target>();
    const wires = edges('$USER.params -> again.in', 'again.out -> $USER.result');
    const composition = { ...workflow(graph([action('again')], wires), 'composition'), actions };
    const around = sequence(['again'], { again: composition }, 'around');
    actions.set('/_/again', around);
    expect(bench.run(composition).answers[0]!.status).toBe(1);
  });
});
