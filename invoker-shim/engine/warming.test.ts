import { Bench } from './testing/bench.js';
import { action, edges, graph, sequence, workflow } from './testing/workflows.js';

// Which containers are asked for ahead, and when: as the executor sees it.

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});
afterEach(() => bench.close());

const asked = (): string[] => bench.executor.warmed.splice(0);

test('in a chain the containers of the next two start while the first waits for its own, then always one more', () => {
  bench.start(sequence(['a', 'b', 'c', 'd', 'e']));
  expect(bench.held('a').state).toBe('QUEUED');
  expect(asked()).toEqual(['b', 'c']);
  bench.held('a').end({});
  expect(asked()).toEqual(['d']);
  bench.held('b').end({});
  expect(asked()).toEqual(['e']);
  bench.executor.runAll();
  expect(asked()).toEqual([]);
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
