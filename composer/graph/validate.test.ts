import { cpuSeconds } from '../testing/cpu.js';
import { action, graphOf, wordCount } from '../testing/graphs.js';
import { GraphError, compileSequence, validateGraph, type Graph } from './index.js';

const chain = compileSequence(['/_/a', '/_/b']);
const both = graphOf(
  [action('x'), action('y', { a: 'NORMAL', b: 'NORMAL' })],
  `$USER.params → x.in
   x.out → y.a
   $USER.name → y.b
   y.out → $USER.result`,
);
const with_ = (graph: Graph, more: Partial<Graph>): unknown => ({ ...graph, ...more });
const wire = (graph: Graph, from: string, to: string): unknown =>
  with_(graph, { edges: [...graph.edges, { from, to }] });
const nested = (depth: number): Record<string, unknown> => {
  let value: Record<string, unknown> = {};
  for (let i = 0; i < depth; i++) value = { value };
  return value;
};
const literal = (value: unknown): unknown =>
  graphOf(
    [{ id: 'l', kind: 'literal', value: value as Record<string, unknown> }],
    '$USER.params → l.in\nl.out → $USER.result',
  );

test.each<[string, unknown]>([
  ['a chain', chain],
  ['a scatter and a gather', wordCount],
  ['several inputs', both],
  ['an output that nothing takes', graphOf([...chain.nodes, action('log')], `${show(chain)}\n0.out → log.in`)],
  [
    'an error that is handled',
    graphOf([...chain.nodes, action('h')], `${show(chain)}\n0.error → h.in\n1.error → h.in\nh.out → $USER.result`),
  ],
  ['a result of several members', graphOf([action('x')], '$USER.params → x.in\nx.out → $USER.a\n$USER.b → $USER.b')],
  [
    'a value from outside a scatter inside it',
    graphOf(
      [wordCount.nodes[0]!, action('count', { in: 'NORMAL', language: 'NORMAL' }), wordCount.nodes[2]!],
      `${show(wordCount)}\n$USER.language → count.language`,
    ),
  ],
  [
    'a choice whose branches meet',
    graphOf(
      [action('x', { in: 'NORMAL' }, { yes: 'SWITCH', no: 'SWITCH' }), action('y'), action('z')],
      '$USER.params → x.in\nx.yes → y.in\nx.no → z.in\ny.out → $USER.result\nz.out → $USER.result',
    ),
  ],
  [
    'a comparison whose branches meet',
    graphOf(
      [
        {
          id: 's',
          kind: 'switch',
          path: ['a'],
          cases: [
            { equals: 1, port: 'one' },
            { equals: null, port: 'none' },
          ],
          default: 'rest',
        },
        action('y'),
      ],
      '$USER.params → s.in\ns.one → y.in\ns.none → y.in\ns.rest → $USER.result\ny.out → $USER.result',
    ),
  ],
  ['a constant', literal({ a: nested(400) })],
])('%s is a graph, and comes back as it is', (_, json) => expect(validateGraph(json)).toBe(json));

function show(graph: Graph): string {
  return graph.edges.map(({ from, to }) => `${from} → ${to}`).join('\n');
}

test.each<[string, unknown, string, string]>([
  ['no object', 5, 'SHAPE', 'expected an object, found 5'],
  ['nothing', undefined, 'SHAPE', 'expected an object, found nothing'],
  ['another version', with_(chain, { version: 2 as 1 }), 'SHAPE', 'version: expected 1, found 2'],
  [
    'nodes that are no list',
    with_(chain, { nodes: {} as never }),
    'SHAPE',
    'nodes: expected an array, found an object',
  ],
  [
    'a member too many',
    { ...chain, name: 'x' },
    'SHAPE',
    'name: is not a member here; known are version, nodes, edges',
  ],
  [
    'a node that is none',
    with_(chain, { nodes: [null as never] }),
    'SHAPE',
    'nodes[0]: expected an object, found null',
  ],
  [
    'an unknown kind',
    with_(chain, { nodes: [{ id: 'a', kind: 'loop' } as never] }),
    'UNKNOWN_KIND',
    'nodes[0].kind: "loop" is not a kind of node; known are action, function,',
  ],
  [
    'an id with a dot',
    with_(chain, { nodes: [{ ...action('a'), id: 'a.b' }] }),
    'SHAPE',
    'nodes[0].id: expected a name of letters, digits',
  ],
  ['the id of the caller', with_(chain, { nodes: [{ ...action('a'), id: '$USER' }] }), 'SHAPE', 'nodes[0].id'],
  [
    'an unknown type of input',
    with_(chain, { nodes: [action('a', { in: 'MANY' as never })] }),
    'SHAPE',
    'nodes[0].inputs.in: expected "NORMAL" or "LIST", found "MANY"',
  ],
  [
    'a short name of an action',
    with_(chain, { nodes: [{ ...action('a'), action: 'a' }] }),
    'BAD_NAME',
    'nodes[0].action: "a" is not a fully qualified action name; write /_/a',
  ],
  [
    'a bad name of an action',
    with_(chain, { nodes: [{ ...action('a'), action: '/a' }] }),
    'BAD_NAME',
    'write /namespace/action',
  ],
  [
    'an id given twice',
    with_(chain, { nodes: [...chain.nodes, action('0')] }),
    'DUPLICATE_ID',
    'nodes[2].id: another node is called "0"',
  ],
  [
    'an edge given twice',
    wire(chain, '0.out', '1.in'),
    'DUPLICATE_EDGE',
    'edges[3]: the edge 0.out → 1.in is there twice',
  ],
  [
    'an edge from nothing',
    wire(chain, 'x.out', '1.in'),
    'NO_SUCH_NODE',
    'edges[3].from: "x.out" names a node that is not in the graph',
  ],
  ['an edge into nothing', wire(chain, '0.out', 'x.in'), 'NO_SUCH_NODE', 'edges[3].to: "x.in" names a node'],
  [
    'an edge from a port that is not there',
    wire(chain, '0.other', '1.in'),
    'NO_SUCH_PORT',
    'node "0" (action) has no output port "other"; it has out, error',
  ],
  [
    'an edge into a port that is not there',
    wire(chain, '0.out', '1.other'),
    'NO_SUCH_PORT',
    'node "1" (action) has no input port "other"; it has in',
  ],
  ['an end without a port', wire(chain, '0', '1.in'), 'SHAPE', 'edges[3].from: expected "node.port", found "0"'],
  [
    'an input that nothing feeds',
    with_(chain, { nodes: [...chain.nodes, action('x')] }),
    'NO_PRODUCER',
    'nodes[2]: nothing feeds "x.in", so the node never runs',
  ],
  [
    'a node without inputs',
    with_(chain, { nodes: [...chain.nodes, action('x', {})] }),
    'NO_PRODUCER',
    'a node without an input never runs',
  ],
  ['no result', with_(chain, { edges: chain.edges.slice(0, 2) }), 'NO_RESULT', 'no edge leads to $USER'],
  [
    'a whole result and parts of it',
    wire(chain, '0.out', '$USER.part'),
    'NO_RESULT',
    '"$USER.result" is the whole result',
  ],
  ['a cycle', wire(chain, '1.out', '0.in'), 'CYCLE', 'the edges make a cycle: 1 → 0 → 1'],
  ['a node that feeds itself', wire(both, 'x.out', 'x.in'), 'CYCLE', 'x → x'],
  [
    'two values for one port',
    wire(chain, '$USER.params', '1.in'),
    'NOT_EXCLUSIVE',
    '"1.in" may get more than one value in one run (from 0.out, $USER.params)',
  ],
  [
    'two emits for one port',
    graphOf(
      [action('x', { in: 'NORMAL' }, { a: 'NORMAL' }), action('y')],
      '$USER.params → x.in\nx.a → y.in\nx.out → y.in\ny.out → $USER.result',
    ),
    'NOT_EXCLUSIVE',
    '"y.in" may get more than one value',
  ],
  [
    'two errors at once',
    graphOf(
      [action('x'), action('y'), action('h')],
      '$USER.params → x.in\n$USER.params → y.in\nx.error → h.in\ny.error → h.in\nh.out → $USER.result',
    ),
    'NOT_EXCLUSIVE',
    '"h.in" may get',
  ],
  [
    'two branches after they met',
    graphOf(
      [{ id: 'f', kind: 'fork' }, action('x'), action('y'), { id: 'j', kind: 'join', width: 2 }],
      '$USER.params → f.in\nf.branch → x.in\nf.branch → y.in\nx.out → j.0\ny.out → j.1\nf.scope → j.scope\nx.out → $USER.result\nj.out → $USER.result',
    ),
    'NOT_EXCLUSIVE',
    '"$USER.result" may get',
  ],
  [
    'two edges where one must be',
    graphOf(
      [{ id: 'f', kind: 'fork' }, action('x'), { id: 'j', kind: 'join', width: 1 }],
      '$USER.params → f.in\nf.branch → x.in\nx.out → j.0\nf.scope → j.scope\nx.error → j.scope\nj.out → $USER.result',
    ),
    'NOT_EXCLUSIVE',
    '"j.scope" takes one edge only, found 2',
  ],
  [
    'a list outside of every scatter',
    graphOf([action('x', { in: 'LIST' })], '$USER.params → x.in\nx.out → $USER.result'),
    'SCOPE',
    '"x.in" is a LIST, but nothing that feeds it is inside a FOREACH',
  ],
  [
    'many results',
    graphOf(wordCount.nodes.slice(0, 2), '$USER.params → split.in\nsplit.parts → count.in\ncount.out → $USER.result'),
    'SCOPE',
    'would give "$USER.result" many values',
  ],
  [
    'two scatters at one node',
    graphOf(
      [
        action('a', { in: 'NORMAL' }, { o: 'FOREACH' }),
        action('b', { in: 'NORMAL' }, { o: 'FOREACH' }),
        action('c', { x: 'NORMAL', y: 'NORMAL' }),
      ],
      '$USER.params → a.in\n$USER.params → b.in\na.o → c.x\nb.o → c.y\na.out → $USER.result',
    ),
    'SCOPE',
    '"c.y" is inside b.o, but "c.x" is inside a.o',
  ],
  [
    'inside and outside at one port',
    graphOf(wordCount.nodes, `${show(wordCount)}\nsplit.error → count.in`),
    'SCOPE',
    'edges into one port come from inside the same FOREACH',
  ],
  [
    'a constant nested too deeply',
    literal(nested(600)),
    'TOO_LARGE',
    'nodes[0].value: is nested deeper than 500 levels',
  ],
  ['a constant that is no object', literal(5), 'SHAPE', 'nodes[0].value: expected an object, found 5'],
  [
    'too many nodes',
    with_(chain, { nodes: Array.from({ length: 10_001 }, (_, i) => action(`n${i}`)) }),
    'TOO_LARGE',
    'nodes: has 10001 elements, the limit is 10000',
  ],
  [
    'too many edges',
    with_(chain, { edges: Array.from({ length: 50_001 }, () => chain.edges[0]!) }),
    'TOO_LARGE',
    'edges: has 50001 elements',
  ],
  [
    'an error port of another type',
    graphOf([action('x', { in: 'NORMAL' }, { error: 'FOREACH' })], '$USER.params → x.in\nx.out → $USER.result'),
    'SHAPE',
    'nodes[0].outputs.error: the error port is NORMAL',
  ],
  [
    'a function node without functions',
    graphOf([{ id: 'f', kind: 'function', functions: [] }], '$USER.params → f.in\nf.out → $USER.result'),
    'SHAPE',
    'expected at least one function',
  ],
  [
    'a branch called error',
    graphOf(
      [{ id: 's', kind: 'switch', path: [], cases: [{ equals: 1, port: 'error' }] }],
      '$USER.params → s.in\ns.error → $USER.result',
    ),
    'SHAPE',
    'a branch cannot be called "error"',
  ],
])('%s is refused', (_, json, code, message) => {
  expect(() => validateGraph(json)).toThrow(expect.objectContaining({ name: 'GraphError', code }));
  expect(() => validateGraph(json)).toThrow(message);
});

test('the largest chain is checked in a moment', () => {
  const started = cpuSeconds();
  const largest = compileSequence(Array.from({ length: 10_000 }, () => '/_/a'));
  const caught = graphOf(
    [...largest.nodes.slice(1), action('h')],
    `$USER.params → 1.in
     ${largest.edges
       .slice(2, -1)
       .map(({ from, to }) => `${from} → ${to}`)
       .join('\n')}
     ${largest.nodes
       .slice(1)
       .map(({ id }) => `${id}.error → h.in`)
       .join('\n')}
     9999.out → $USER.result
     h.out → $USER.result`,
  );
  validateGraph(caught);
  expect(cpuSeconds() - started).toBeLessThan(3);
});

test('a graph that takes long to check is refused in a moment', () => {
  const long = Array.from({ length: 3300 }, (_, i) => i);
  const graph = graphOf(
    [
      { id: 'g', kind: 'gate', byPass: false },
      ...['a', 'b', 'h'].flatMap((kind) => long.map((i) => action(`${kind}${i}`))),
    ],
    `$USER.params → g.test
     g.then → a0.in
     g.else → b0.in
     ${long
       .slice(1)
       .map((i) => `a${i - 1}.out → a${i}.in\nb${i - 1}.out → b${i}.in`)
       .join('\n')}
     ${long.map((i) => `a${i}.error → h${i}.in\nb${i}.error → h${i}.in`).join('\n')}
     h0.out → $USER.result`,
  );
  const started = cpuSeconds();
  expect(() => validateGraph(graph)).toThrow(
    'too many ports with several edges lie far from where their branches part',
  );
  expect(cpuSeconds() - started).toBeLessThan(10);
});

test('a message says where', () => {
  const error = new GraphError('SHAPE', 'nodes[1]', 'is wrong');
  expect(error).toMatchObject({ path: 'nodes[1]', message: 'nodes[1]: is wrong', code: 'SHAPE' });
});
