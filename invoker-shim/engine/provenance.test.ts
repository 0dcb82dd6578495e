import { Bench } from './testing/bench.js';
import { action, edges, graph, sequence, workflow } from './testing/workflows.js';

// Which part each part has waited for, and which one the result came from: what a critical path is read from.

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});
afterEach(() => bench.close());

interface Times {
  readonly node?: string;
  readonly after?: string;
  readonly last?: string;
}

/** The name of the action whose record has this id. */
const nameOf = (id: string | undefined): string | undefined =>
  id === undefined ? undefined : bench.records.last(id)?.name;
const times = (name: string, at = 0): Times => bench.records.named(name)[at]!.annotations['dataflow'] as Times;
const after = (name: string, at = 0): string | undefined => nameOf(times(name, at).after);
const topOf = (id: string): Times => bench.records.last(id)!.annotations['dataflow'] as Times;

const join = graph(
  [action('a'), action('b'), action('c', { inputs: { x: 'NORMAL', y: 'NORMAL' } })],
  edges('$USER.params -> a.in', '$USER.params -> b.in', 'a.out -> c.x', 'b.out -> c.y', 'c.out -> $USER.result'),
);

test.each([
  ['a', 'b'],
  ['b', 'a'],
])('of two inputs, the one that comes last counts: %s before %s', (first, second) => {
  const { id } = bench.start(workflow(join));
  bench.held(first).end({});
  bench.held(second).end({});
  bench.held('c').end({});
  expect(after('a')).toBeUndefined();
  expect(after('c')).toBe(second);
  expect(nameOf(topOf(id).last)).toBe('c');
});

test('an instance of a scatter waits for its producer, a LIST for the part that completes it', () => {
  const flow = graph(
    [action('split', { outputs: { each: 'FOREACH' } }), action('work'), action('merge', { inputs: { all: 'LIST' } })],
    edges('$USER.params -> split.in', 'split.each -> work.in', 'work.out -> merge.all', 'merge.out -> $USER.result'),
  );
  bench.start(workflow(flow));
  const split = bench.held('split').start();
  for (const i of [0, 1]) split.emit('each', { i });
  split.end({});
  const [first, second] = bench.executor.open.filter(({ name }) => name === 'work');
  second!.end({});
  first!.end({});
  bench.held('merge').end({});
  expect([after('work', 0), after('work', 1)]).toEqual(['split', 'split']);
  expect(times('merge').after).toBe(first!.run.activationId);
});

test('what is in line keeps what it has waited for', async () => {
  const small = new Bench({ instancesAhead: 1 });
  const flow = graph(
    [action('split', { outputs: { each: 'FOREACH' } }), action('work'), action('merge', { inputs: { all: 'LIST' } })],
    edges('$USER.params -> split.in', 'split.each -> work.in', 'work.out -> merge.all', 'merge.out -> $USER.result'),
  );
  small.executor.script('split', () => [0, 1, 2].map((i) => ({ emit: 'each', value: { i } })));
  small.run(workflow(flow));
  const split = small.records.named('split')[0]!.activationId;
  for (const record of small.records.named('work'))
    expect(record.annotations['dataflow']).toMatchObject({ after: split });
  await small.close();
});

test('an operator is passed through, and a workflow inside another is a part like a function', () => {
  const inner = sequence(['x', 'y']);
  const { id } = bench.start(sequence(['a', 'inner', 'b'], { inner }));
  bench.executor.runAll();
  expect(after('x')).toBeUndefined();
  expect(after('y')).toBe('x');
  const insideId = times('b').after!;
  const inside = bench.records.last(insideId)!;
  expect(inside.cause).toBe(id);
  expect(nameOf(topOf(insideId).after)).toBe('a');
  expect(nameOf(topOf(insideId).last)).toBe('y');
  expect(nameOf(topOf(id).last)).toBe('b');
});

test('an error names the part that it came from', () => {
  const { id } = bench.start(sequence(['a', 'b']));
  bench.held('a').end({});
  bench.held('b').end({ error: 'no' }, 1);
  expect(nameOf(topOf(id).last)).toBe('b');
});
