import { compileComposition } from '../compiler/index.js';
import { GraphError, type Edge, type GraphNode, validateGraph } from './index.js';

const times = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i));
const edge = (from: string, to: string): Edge => ({ from, to });
const graph = (nodes: GraphNode[], edges: Edge[]) => ({ version: 1 as const, nodes, edges });

const join = (width: number) =>
  graph(
    [
      { id: 'f', kind: 'fork' },
      { id: 'j', kind: 'join', width },
    ],
    [
      edge('$USER.params', 'f.in'),
      ...times(width, (i) => edge('f.branch', `j.${i}`)),
      edge('f.scope', 'j.scope'),
      edge('j.out', '$USER.result'),
    ],
  );

const choice = (cases: number) =>
  graph(
    [
      {
        id: 's',
        kind: 'switch',
        path: ['a'],
        cases: times(cases, (i) => ({ equals: i, port: `p${i}` })),
        default: 'd',
      },
      { id: 'n', kind: 'norm' },
    ],
    [
      edge('$USER.params', 's.in'),
      ...times(cases, (i) => edge(`s.p${i}`, 'n.in')),
      edge('s.d', 'n.in'),
      edge('n.out', '$USER.result'),
    ],
  );

const ports = (count: number) =>
  graph(
    [
      {
        id: 'a',
        kind: 'action',
        action: '/_/a',
        inputs: { in: 'NORMAL' },
        outputs: Object.fromEntries(times(count, (i) => [`o${i}`, 'NORMAL'])),
      },
      {
        id: 'b',
        kind: 'action',
        action: '/_/b',
        inputs: Object.fromEntries(times(count, (i) => [`o${i}`, 'NORMAL'])),
        outputs: {},
      },
    ],
    [edge('$USER.params', 'a.in'), ...times(count, (i) => edge(`a.o${i}`, `b.o${i}`)), edge('b.out', '$USER.result')],
  );

const action = { type: 'action', name: '/_/a' };
const nested = (depth: number, around: (inner: unknown) => unknown): unknown => {
  let composition: unknown = action;
  for (let i = 0; i < depth; i++) composition = around(composition);
  return composition;
};

/** Seconds of processor time, the least of some runs: other work on the machine must not count. */
function cost(run: () => unknown): number {
  let least = Infinity;
  for (let i = 0; i < 3; i++) {
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1e6);
  }
  return least;
}

test.each<[string, number, (n: number) => unknown]>([
  ['a join of so many edges', 10_000, (n) => validateGraph(join(n))],
  ['a switch of so many cases', 10_000, (n) => validateGraph(choice(n))],
  ['a node of so many ports', 6000, (n) => validateGraph(ports(n))],
  [
    'a parallel of so many branches',
    2000,
    (n) => compileComposition({ type: 'parallel', components: times(n, () => action) }),
  ],
  [
    'so many branches that may fail',
    800,
    (n) =>
      compileComposition({
        type: 'parallel',
        components: times(n, () => ({ type: 'try', body: action, handler: action })),
      }),
  ],
  [
    'so many maps, one after the other',
    800,
    (n) =>
      compileComposition({ type: 'sequence', components: times(n, () => ({ type: 'map', components: [action] })) }),
  ],
  [
    'so many variables',
    20_000,
    (n) =>
      compileComposition({
        type: 'let',
        declarations: Object.fromEntries(times(n, (i) => [`v${i}`, 1])),
        components: [action],
      }),
  ],
])('%s cost in proportion', (_, n, run) => {
  const small = cost(() => run(n));
  // Work that grows with the square would be sixteen times as much.
  expect(cost(() => run(4 * n)) / small).toBeLessThan(11);
});

test('in each other, choices cost little more than in proportion', () => {
  const around = (inner: unknown): unknown => ({ type: 'if', test: action, consequent: inner, alternate: action });
  const small = cost(() => compileComposition(nested(150, around)));
  expect(cost(() => compileComposition(nested(600, around))) / small).toBeLessThan(14);
});

const heap = (): number => process.memoryUsage().heapUsed;

test('a join whose ports nothing feeds is refused before they are made', () => {
  const wide = graph(
    times(8000, (i): GraphNode => ({ id: `j${i}`, kind: 'join', width: 50_000 })),
    [edge('$USER.params', 'j0.0'), edge('$USER.params', 'j0.2')],
  );
  const before = heap();
  expect(() => validateGraph(wide)).toThrow('nodes[0]: nothing feeds "j0.1"');
  expect(heap() - before).toBeLessThan(64 * 1024 * 1024);
});

test('a composition with more nodes than a graph may have is given up where it passes the limit', () => {
  const endless = { type: 'sequence', components: times(300_000, () => action) };
  const whole = cost(() => JSON.parse(JSON.stringify(endless)));
  expect(cost(() => expect(() => compileComposition(endless)).toThrow('limit')) / whole).toBeLessThan(6);
});

test('FOREACH outputs lie in each other up to a limit', () => {
  const maps = (depth: number): unknown => nested(depth, (inner) => ({ type: 'map', components: [inner] }));
  expect(compileComposition(maps(100)).nodes).toHaveLength(201);
  expect(() => compileComposition(maps(101))).toThrow('is inside 100 FOREACH outputs, the limit');
});

test('an error names a few of many', () => {
  const ends = graph(
    [{ id: 'n', kind: 'norm' }],
    [
      edge('$USER.params', 'n.in'),
      ...times(20_000, (i) => edge('n.out', `$USER.r${i}`)),
      edge('n.out', '$USER.result'),
    ],
  );
  const ring = graph(
    times(9000, (i): GraphNode => ({ id: `n${i}`, kind: 'norm' })),
    [...times(9000, (i) => edge(`n${i}.out`, `n${(i + 1) % 9000}.in`)), edge('n0.out', '$USER.result')],
  );
  const wrong = { ...join(20_000), edges: [...join(20_000).edges, edge('f.branch', 'j.x')] };
  for (const [given, code] of [
    [ends, 'NO_RESULT'],
    [ring, 'CYCLE'],
    [wrong, 'NO_SUCH_PORT'],
  ] as const) {
    let refused: unknown;
    try {
      validateGraph(given);
    } catch (error) {
      refused = error;
    }
    expect(refused).toMatchObject({ code });
    expect((refused as GraphError).message.length).toBeLessThan(1000);
    expect((refused as GraphError).message).toMatch(/\d more/);
  }
});
