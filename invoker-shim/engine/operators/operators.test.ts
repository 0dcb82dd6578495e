import type { Edge, GraphNode } from '@dataflower/composer/graph';
import { BUDGET_LIMITS } from '../activation/budget.js';
import { branchesOf } from './operators.js';
import { Bench, type Started } from '../testing/bench.js';
import { action, edges, graph, workflow } from '../testing/workflows.js';

// The effect of each operator on values, errors and environments, with Composer's rules of data.

let bench: Bench;
beforeEach(() => {
  bench = new Bench({ instanceLimit: 4 });
});
afterEach(() => bench.close());

/** Runs a composition; `steps` are function nodes that put out their environment. */
function run(nodes: GraphNode[], wires: Edge[], params: unknown = {}): Started {
  return bench.run(workflow(graph(nodes, wires), 'composition'), params);
}

/** One operator between the caller's parameters and the result; errors go to the caller too. */
function through(node: GraphNode, params: unknown): Started {
  return run([node], edges('$USER.params -> n.in', 'n.out -> $USER.result'), params);
}

const showEnv: GraphNode = { id: 'show', kind: 'function', functions: [{ path: '', code: 'show' }] };
function showsEnv(): void {
  bench.executor.script('steps', (params, env) => [
    { end: { params, env: env === null ? null : (JSON.parse(env) as unknown) } },
  ]);
}

test('literal puts out its value, whatever comes', () => {
  const { result, answers } = through({ id: 'n', kind: 'literal', value: { value: null } }, { error: 'in' });
  expect(result).toEqual({ value: null });
  expect(answers[0]!.status).toBe(0);
});

test('literal with an error fails with the error alone', () => {
  const { result, answers } = through({ id: 'n', kind: 'literal', value: { error: 'x' } }, {});
  expect(result).toEqual({ error: 'x' });
  expect(answers[0]!.status).toBe(1);
});

test('norm passes an object and fails with the error alone', () => {
  expect(through({ id: 'n', kind: 'norm' }, { a: 1 }).result).toEqual({ a: 1 });
  expect(through({ id: 'n', kind: 'norm' }, { error: 'in', k: 2 }).result).toEqual({ error: 'in' });
});

test.each([null, '', false, 0])('a composition that ends with the error %j is a success', (error) => {
  const { result, answers } = through({ id: 'n', kind: 'norm' }, { error, k: 2 });
  expect(result).toEqual({ error });
  expect(answers[0]!.status).toBe(0);
});

test('strip drops the fields beside an error and nothing else', () => {
  expect(through({ id: 'n', kind: 'strip' }, { error: 'in', k: 2 }).result).toEqual({ error: 'in' });
  expect(through({ id: 'n', kind: 'strip' }, { k: 2 }).result).toEqual({ k: 2 });
});

test('let and mask push frames, scope cuts them off', () => {
  showsEnv();
  const nodes: GraphNode[] = [
    { id: 'outer', kind: 'let', declarations: { x: 1 } },
    { id: 'inner', kind: 'let', declarations: { y: 2 } },
    { id: 'm', kind: 'mask' },
    { id: 'cut', kind: 'scope', depth: 1 },
    showEnv,
  ];
  const wires = edges(
    '$USER.params -> outer.in',
    'outer.out -> inner.in',
    'inner.out -> m.in',
    'm.out -> show.in',
    'm.out -> cut.in',
    'show.out -> $USER.all',
  );
  const second: GraphNode = { ...showEnv, id: 'later' };
  const { result } = run([...nodes, second], [...wires, ...edges('cut.out -> later.in', 'later.out -> $USER.cut')]);
  expect(result.all.env).toEqual([{ vars: { x: 1 } }, { vars: { y: 2 } }, { mask: true }]);
  expect(result.cut.env).toEqual([{ vars: { x: 1 } }]);
});

test('what a function step says of its environment stands, if it has as many frames', () => {
  const nodes: GraphNode[] = [{ id: 'l', kind: 'let', declarations: { x: 1 } }, { ...showEnv, id: 'write' }, showEnv];
  const wires = edges('$USER.params -> l.in', 'l.out -> write.in', 'write.out -> show.in', 'show.out -> $USER.result');
  const write = (env: string | null): unknown => {
    let first = true;
    bench.executor.script('steps', (_params, before) => {
      const deed = first ? { end: {}, env } : { end: { env: before } };
      first = false;
      return [deed];
    });
    return JSON.parse(run(nodes, wires).result.env as string);
  };
  expect(write('[{"vars":{"x":5}}]')).toEqual([{ vars: { x: 5 } }]);
  for (const wrong of ['[]', '[{"vars":{}},{"vars":{}}]', '[1]', 'no JSON', '[{"vars":{]}]', '{"vars":{}}', null])
    expect(write(wrong)).toEqual([{ vars: { x: 1 } }]);
});

test('what function steps make of their environments counts as what the run takes of the engine', async () => {
  await bench.close();
  const nodes: GraphNode[] = [
    { id: 'l', kind: 'let', declarations: { x: '' } },
    { id: 's', kind: 'scatter', path: '' },
    { ...showEnv, id: 'write' },
    { id: 'g', kind: 'gather' },
  ];
  const wires = edges(
    '$USER.params -> l.in',
    'l.out -> s.in',
    's.item -> write.in',
    'write.out -> g.in',
    's.scope -> g.scope',
    'g.out -> $USER.result',
  );
  const results = [10_000, 1000].map((bytes) => {
    bench = new Bench({ budget: { ...BUDGET_LIMITS, bytes } });
    let count = 0;
    bench.executor.script('steps', () => [{ end: {}, env: `[{"vars":{"x":"${count++}${'y'.repeat(500)}"}}]` }]);
    return run(nodes, wires, { value: [1, 2, 3, 4, 5] }).result;
  });
  expect(results[0]).toEqual({ value: [{}, {}, {}, {}, {}] });
  expect(results[1].error).toContain('takes more than 1000 bytes of the engine');
});

describe('gate', () => {
  const nodes = (byPass: boolean): GraphNode[] => [
    { id: 'l', kind: 'let', declarations: { x: 1 } },
    action('test'),
    { id: 'g', kind: 'gate', byPass },
    { ...showEnv, id: 'yes' },
    { ...showEnv, id: 'no' },
  ];
  const wires = edges(
    '$USER.params -> l.in',
    'l.out -> test.in',
    'test.out -> g.test',
    'g.then -> yes.in',
    'g.else -> no.in',
    'yes.out -> $USER.result',
    'no.out -> $USER.result',
  );
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- JSON of any form
  const way = (tested: unknown, byPass = false): any => {
    showsEnv();
    bench.executor.script('test', () => [{ end: tested }]);
    const started = run(nodes(byPass), byPass ? [...wires, ...edges('$USER.params -> g.in')] : wires, { given: 1 });
    const [, id] = started.answers[0]!.logs;
    return { ...started.result, node: (bench.records.last(id!)!.annotations['dataflow'] as { node: string }).node };
  };

  test.each([
    [{ value: 'false' }, 'yes'],
    [{ value: {} }, 'yes'],
    [{ value: [] }, 'yes'],
    [{ value: 1 }, 'yes'],
    [{ value: 0 }, 'no'],
    [{ value: '' }, 'no'],
    [{ value: null }, 'no'],
    [{ a: 1 }, 'no'],
  ])('sends %j to %s: the truth of JavaScript', (tested, node) => {
    expect(way(tested)).toEqual({ node, params: tested, env: [{ vars: { x: 1 } }] });
  });

  test('with a by-pass sends the saved input, in the environment of the test', () => {
    expect(way({ value: 1 }, true)).toEqual({ node: 'yes', params: { given: 1 }, env: [{ vars: { x: 1 } }] });
  });
});

describe('switch', () => {
  const cases = [
    { equals: 'a', port: 'one' },
    { equals: 'a', port: 'two' },
    { equals: null, port: 'two' },
  ];
  const node = (path: string[], more: object = {}): GraphNode => ({ id: 's', kind: 'switch', path, cases, ...more });
  const wires = edges(
    '$USER.params -> s.in',
    's.one -> yes.in',
    's.two -> no.in',
    'yes.out -> $USER.result',
    'no.out -> $USER.result',
  );
  const nodes = [action('yes'), action('no')];

  test('takes the first case that matches a member', () => {
    expect(run([node(['k', 'm']), ...nodes], wires, { k: { m: 'a' } }).result).toEqual({ k: { m: 'a' } });
    expect(bench.executor.executed.map(({ spec }) => spec.key)).toEqual(['yes']);
    run([node(['k']), ...nodes], wires, { k: null });
    expect(bench.executor.executed.map(({ spec }) => spec.key)).toEqual(['yes', 'no']);
  });

  test('takes the default when none does, and fails without one', () => {
    expect(run([node(['k'], { default: 'two' }), ...nodes], wires, { k: 7 }).result).toEqual({ k: 7 });
    expect(run([node(['k']), ...nodes], wires, { k: 7 }).result).toEqual({
      error: 'No case of the switch "s" matches 7 at $.k, and it has no default.',
    });
    expect(run([node(['constructor']), ...nodes], wires, {}).result.error).toMatch(/a missing member/);
  });

  test.each<[unknown, string]>([
    ['x'.repeat(1_000_000), 'matches "xxx'],
    [{ deep: 'x'.repeat(1_000_000) }, 'matches an object'],
    [[1], 'matches a list'],
  ])('names what matched nothing, shortly', async (k, text) => {
    const started = run([node(['k']), ...nodes], wires, { k });
    await bench.engine.idle();
    const { error } = started.result as { error: string };
    expect(error).toContain(text);
    expect(error.length).toBeLessThan(300);
  });

  test('of many cases costs an item no more than of few', () => {
    const choose = (count: number): number => {
      const many = Array.from({ length: count }, (_, i) => ({ equals: `case ${i}`, port: 'one' }));
      const choice = { id: 's', kind: 'switch', path: ['value'], cases: many, default: 'two' } as const;
      const table = branchesOf(choice);
      const began = process.cpuUsage();
      for (let i = 0; i < 20_000; i++) table.get(`none ${i}`);
      expect(branchesOf(choice)).toBe(table);
      const { user, system } = process.cpuUsage(began);
      return user + system;
    };
    choose(10);
    // One after the other, they would cost a thousand times as much.
    expect(choose(20_000) / (choose(20) + 1000)).toBeLessThan(50);
  });
});

describe('map', () => {
  const nodes: GraphNode[] = [
    { id: 's', kind: 'scatter', path: '[1]' },
    action('rec', { normalize: true }),
    { id: 'g', kind: 'gather' },
  ];
  const wires = edges(
    '$USER.params -> s.in',
    's.item -> rec.in',
    'rec.out -> g.in',
    'rec.error -> g.in',
    's.scope -> g.scope',
    'g.out -> $USER.result',
  );

  test('starts an instance for each element: objects as they are, all else boxed; errors are data', () => {
    bench.executor.script('rec', (params) => [
      (params as { fail?: number }).fail === 1 ? { end: { error: 'e' }, status: 1 } : { end: { got: params } },
    ]);
    const { result, answers } = run(nodes, wires, { value: [1, { error: 'e', k: 1 }, { fail: 1 }, [1]], other: 9 });
    expect(result).toEqual({
      value: [{ got: { value: 1 } }, { got: { error: 'e', k: 1 } }, { error: 'e' }, { got: { value: [1] } }],
    });
    expect(answers[0]!.status).toBe(0);
  });

  test.each([[{}], [{ value: null }], [{ value: 0 }], [{ value: [] }]])('of %j is empty', (params) => {
    expect(run(nodes, wires, params).result).toEqual({ value: [] });
  });

  test.each([[{ value: 5 }], [{ value: 'ab' }], [{ value: { a: 1 } }]])(
    'of %j fails with Composer’s text',
    (params) => {
      expect(run(nodes, wires, params).result).toEqual({
        error: 'Parallel combinator failed to invoke a composition at AST node root[1] (see log for details)',
      });
    },
  );

  test('of more elements than the limit fails', () => {
    expect(run(nodes, wires, { value: [1, 2, 3, 4, 5] }).result.error).toBe(
      'The node "s" would start 5 instances, the limit is 4.',
    );
    expect(bench.executor.executed).toHaveLength(0);
  });

  test('takes a list apart that the engine has put together', () => {
    const twice: GraphNode[] = [
      ...nodes,
      { id: 's2', kind: 'scatter', path: '' },
      action('again'),
      { id: 'g2', kind: 'gather' },
    ];
    const more = edges(
      'g.out -> s2.in',
      's2.item -> again.in',
      'again.out -> g2.in',
      's2.scope -> g2.scope',
      'g2.out -> $USER.result',
    );
    bench.executor.script('again', (params) => [{ end: { again: params } }]);
    const { result } = run(twice, [...wires.slice(0, -1), ...more], { value: [1, { a: 2 }] });
    expect(result).toEqual({ value: [{ again: { value: 1 } }, { again: { a: 2 } }] });
  });

  test('goes on in the environment from before it, with the components from before it', () => {
    showsEnv();
    bench.executor.script('rec', () => [{ end: {} }]);
    const around: GraphNode[] = [{ id: 'l', kind: 'let', declarations: { x: 1 } }, ...nodes, showEnv];
    const { result } = run(
      around,
      [
        ...edges('$USER.params -> l.in', 'l.out -> s.in'),
        ...wires.slice(1, -1),
        ...edges('g.out -> show.in', 'show.out -> $USER.result'),
      ],
      { value: [1] },
    );
    expect(result.env).toEqual([{ vars: { x: 1 } }]);
  });
});

test('parallel gives each branch the input and joins the results in order; errors are data', () => {
  const nodes: GraphNode[] = [
    { id: 'f', kind: 'fork' },
    action('inc'),
    action('fail'),
    { id: 'j', kind: 'join', width: 2 },
  ];
  const wires = edges(
    '$USER.params -> f.in',
    'f.branch -> inc.in',
    'f.branch -> fail.in',
    'inc.out -> j.0',
    'fail.error -> j.1',
    'f.scope -> j.scope',
    'j.out -> $USER.result',
  );
  bench.executor.script('inc', (params) => [{ end: { n: (params as { n: number }).n + 1 } }]);
  bench.executor.script('fail', () => [{ end: { error: 'boom' }, status: 1 }]);
  expect(run(nodes, wires, { n: 1 }).result).toEqual({ value: [{ n: 2 }, { error: 'boom' }] });
});

test('parallel without branches is empty', () => {
  const nodes: GraphNode[] = [
    { id: 'f', kind: 'fork' },
    { id: 'j', kind: 'join', width: 0 },
  ];
  expect(run(nodes, edges('$USER.params -> f.in', 'f.scope -> j.scope', 'j.out -> $USER.result')).result).toEqual({
    value: [],
  });
});

test('retain keeps the parameters beside the result, in the environment of the result', () => {
  showsEnv();
  const nodes: GraphNode[] = [
    { id: 'a', kind: 'let', declarations: { a: 1 } },
    { id: 'b', kind: 'let', declarations: { b: 1 } },
    { id: 'r', kind: 'retain' },
    showEnv,
  ];
  const wires = edges(
    '$USER.params -> a.in',
    '$USER.params -> b.in',
    'a.out -> r.params',
    'b.out -> r.result',
    'r.out -> show.in',
    'show.out -> $USER.result',
  );
  expect(run(nodes, wires, { error: 'in', k: 2 }).result).toEqual({
    params: { params: { error: 'in', k: 2 }, result: { error: 'in', k: 2 } },
    env: [{ vars: { b: 1 } }],
  });
});

test('a result that is no object is boxed in a composition, and is not elsewhere', () => {
  bench.executor.script('f', () => [{ end: [1] }]);
  const wires = edges('$USER.params -> f.in', 'f.out -> $USER.result');
  expect(run([action('f', { normalize: true })], wires).result).toEqual({ value: [1] });
  expect(run([action('f')], wires).result).toEqual([1]);
});

test('an error of any kind leaves by the error port, and uncaught ends a composition as an application error', () => {
  bench.executor.script('f', () => [{ end: { error: 'died' }, status: 2 }]);
  const caught = run(
    [action('f'), action('handler')],
    edges('$USER.params -> f.in', 'f.error -> handler.in', 'handler.out -> $USER.result', 'f.out -> $USER.result'),
  );
  expect(caught.result).toEqual({ error: 'died' });
  const uncaught = run([action('f')], edges('$USER.params -> f.in', 'f.out -> $USER.result'));
  expect(uncaught.answers[0]).toMatchObject({ status: 1, result: '{"error":"died"}' });
});

test('$composer is taken off the parameters of a composition', () => {
  const { result } = run([action('f')], edges('$USER.params -> f.in', 'f.out -> $USER.result'), {
    a: 1,
    $composer: { redis: {} },
  });
  expect(result).toEqual({ a: 1 });
});

test('single parameters are tokens of their own, and a missing one is an error that names it', () => {
  const nodes = [action('f', { inputs: { x: 'NORMAL', y: 'NORMAL' } })];
  const wires = edges('$USER.left -> f.x', '$USER.right -> f.y', 'f.out -> $USER.result');
  expect(run(nodes, wires, { left: 1, right: [2] }).result).toEqual({ x: 1, y: [2] });
  expect(run(nodes, wires, { left: 1 }).result).toEqual({ error: "The workflow needs a parameter 'right'." });
});
