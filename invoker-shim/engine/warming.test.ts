import { Bench } from './testing/bench.js';
import { action, edges, graph, sequence, workflow } from './testing/workflows.js';

// Which containers are asked for ahead, and when: as the executor sees it.

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});
afterEach(() => bench.close());

const asked = (): string[] => bench.executor.warmed.splice(0);

test('in a chain the containers of all are asked for while the first waits for its own, each behind what runs before it', () => {
  bench.start(sequence(['a', 'b', 'c', 'd']));
  expect(bench.held('a').state).toBe('QUEUED');
  expect(asked()).toEqual(['b', 'c', 'd']);
  expect(bench.executor.behind).toEqual([['a'], ['a', 'b'], ['a', 'b', 'c']]);
  bench.executor.runAll();
  expect(asked()).toEqual([]);
});

test('of a chain that is very long, eight at a time are looked ahead', () => {
  const names = Array.from({ length: 12 }, (_, i) => `f${i}`);
  bench.start(sequence(names));
  expect(asked()).toEqual(names.slice(1, 9));
  bench.held('f0').end({});
  expect(asked()).toEqual(['f9']);
  bench.executor.runAll();
});

test('what was asked for is taken back when the activation fails, and when the function comes', () => {
  bench.start(sequence(['a', 'b', 'c']));
  bench.held('a').end({ error: 'no' }, 1);
  expect(bench.executor.takenBack.sort()).toEqual(['b', 'c']);
  bench.executor.takenBack.length = 0;
  bench.run(sequence(['a', 'b']));
  expect(bench.executor.takenBack).toEqual(['b']);
});

test('a container is asked for once, also when a function comes again or runs many instances', () => {
  bench.run(sequence(['a', 'b', 'a', 'b', 'c', 'a']));
  expect(asked()).toEqual(['b', 'c']);
});

test('behind a scatter the instances and what collects them are warmed as soon as the scatter waits', () => {
  const flow = graph(
    [action('split', { outputs: { part: 'FOREACH' } }), action('count'), action('merge', { inputs: { all: 'LIST' } })],
    edges('$USER.params -> split.in', 'split.part -> count.in', 'count.out -> merge.all', 'merge.out -> $USER.result'),
  );
  bench.start(workflow(flow));
  expect(bench.open).toEqual(['split']);
  expect(asked()).toEqual(['count', 'merge']);
  bench.executor.script('split', () => [{ emit: 'part', value: 1 }, { emit: 'part', value: 2 }, { end: {} }]);
  bench.executor.runAll();
  expect(asked()).toEqual([]);
});

const branches = edges(
  '$USER.params -> test.in',
  'g.then -> yes.in',
  'g.else -> no.in',
  'yes.out -> both.in',
  'no.out -> both.in',
  'both.out -> $USER.result',
);

test('behind a gate only what both of its ways lead to is warmed', () => {
  const flow = graph(
    [action('test'), { id: 'g', kind: 'gate', byPass: false }, action('yes'), action('no'), action('both')],
    [...branches, ...edges('test.out -> g.test')],
  );
  bench.start(workflow(flow));
  expect(asked()).toEqual(['both']);
  bench.held('test').end({ value: true });
  expect(bench.open).toEqual(['yes']);
  bench.executor.runAll();
  expect(asked()).toEqual([]);
});

test('behind a gate whose ways part nothing is warmed before it has chosen', () => {
  const flow = graph(
    [action('test'), { id: 'g', kind: 'gate', byPass: false }, action('yes'), action('no'), action('more')],
    edges(
      '$USER.params -> test.in',
      'test.out -> g.test',
      'g.then -> yes.in',
      'g.else -> no.in',
      'yes.out -> more.in',
      'more.out -> $USER.result',
      'no.out -> $USER.result',
    ),
  );
  bench.start(workflow(flow));
  expect(asked()).toEqual([]);
  bench.held('test').end({ value: true });
  expect(asked()).toEqual(['more']);
  bench.executor.runAll();
});

test('behind a choice the way that is mostly taken is warmed once that is known, and no more when it changes', () => {
  const flow = graph(
    [action('test'), { id: 'g', kind: 'gate', byPass: false }, action('yes'), action('no')],
    edges(
      '$USER.params -> test.in',
      'test.out -> g.test',
      'g.then -> yes.in',
      'g.else -> no.in',
      'yes.out -> $USER.result',
      'no.out -> $USER.result',
    ),
  );
  const target = workflow(flow);
  const runWith = (value: boolean): string[] => {
    bench.start(target);
    const before = asked();
    bench.held('test').end({ value });
    bench.executor.runAll();
    asked();
    return before;
  };
  expect(runWith(true)).toEqual([]);
  for (let i = 0; i < 5; i++) expect(runWith(true)).toEqual(['yes']);
  const changed = Array.from({ length: 20 }, () => runWith(false));
  expect(changed[0]).toEqual(['yes']);
  expect(changed.at(-1)).toEqual(['no']);
  expect(changed).not.toContainEqual(['yes', 'no']);
});

test('behind a scatter as many are asked for as there were instances the last times', () => {
  const flow = graph(
    [action('split', { outputs: { part: 'FOREACH' } }), action('count'), action('merge', { inputs: { all: 'LIST' } })],
    edges('$USER.params -> split.in', 'split.part -> count.in', 'count.out -> merge.all', 'merge.out -> $USER.result'),
  );
  const target = workflow(flow);
  bench.executor.script('split', () =>
    [1, 2, 3, 4].map((value) => ({ emit: 'part', value })).concat({ end: {} } as never),
  );
  bench.run(target);
  expect(asked()).toEqual(['count', 'merge']);
  bench.run(target);
  expect(asked()).toEqual(['count × 4', 'merge']);
});

test('the SWITCH ports of a function are a choice too', () => {
  const flow = graph(
    [action('test', { outputs: { then: 'SWITCH', else: 'SWITCH' } }), action('yes'), action('no'), action('both')],
    branches.map(({ from, to }) => ({ from: from.replace(/^g\./, 'test.'), to })),
  );
  bench.start(workflow(flow));
  expect(asked()).toEqual(['both']);
  bench.held('test').start().emit('else', {});
  bench.executor.runAll();
  expect(asked()).toEqual([]);
});

test('what only handles an error is not warmed', () => {
  const flow = graph(
    [action('a'), action('b'), action('rescue')],
    edges(
      '$USER.params -> a.in',
      'a.out -> b.in',
      'a.error -> rescue.in',
      'b.out -> $USER.result',
      'rescue.out -> $USER.result',
    ),
  );
  bench.run(workflow(flow));
  expect(asked()).toEqual(['b']);
});
