import fc from 'fast-check';
import { runGraph } from '../testing/run-graph.js';
import { GraphError, inputPorts, outputPorts, validateGraph, type Edge, type GraphNode } from './index.js';

const kinds: ((id: string) => GraphNode)[] = [
  (id) => ({ id, kind: 'action', action: `/_/${id}`, inputs: { in: 'NORMAL' }, outputs: {} }),
  (id) => ({ id, kind: 'action', action: `/_/${id}`, inputs: { in: 'NORMAL' }, outputs: {} }),
  (id) => ({ id, kind: 'gate', byPass: false }),
  (id) => ({ id, kind: 'gate', byPass: true }),
  (id) => ({ id, kind: 'fork' }),
  (id) => ({ id, kind: 'join', width: 2 }),
  (id) => ({ id, kind: 'retain' }),
  (id) => ({ id, kind: 'scatter', path: '' }),
  (id) => ({ id, kind: 'gather' }),
  (id) => ({ id, kind: 'norm' }),
];

/** Graphs whose edges go forward, each input fed by one or two outputs at random. */
const graphs = fc
  .array(fc.tuple(fc.nat(kinds.length - 1), fc.array(fc.nat(1000), { minLength: 6, maxLength: 6 })), {
    minLength: 2,
    maxLength: 9,
  })
  .map((choices) => {
    const outputs = ['$USER.params'];
    const edges: Edge[] = [];
    const feed = (to: string, picks: readonly number[], any: boolean): void => {
      const from = picks
        .slice(0, any && picks[0]! % 3 === 0 ? 2 : 1)
        .map((n) => outputs.at(-1 - (n % Math.min(outputs.length, 5)))!);
      for (const output of new Set(from)) edges.push({ from: output, to });
    };
    const nodes = choices.map(([kind, picks], i) => {
      const node = kinds[kind]!(`n${i}`);
      Object.entries(inputPorts(node)).forEach(([port, { any }], p) => feed(`n${i}.${port}`, picks.slice(2 * p), any));
      outputs.push(...Object.keys(outputPorts(node)).map((port) => `n${i}.${port}`));
      return node;
    });
    feed('$USER.result', [3, ...choices[0]![1]].slice(0, 2), true);
    return { version: 1 as const, nodes, edges };
  });

/** The behaviour of each action and the observations of the tests, by a number for each node. */
const outcomes = fc.array(
  fc.constantFrom<Record<string, unknown>>({ value: true }, { value: [1, 2] }, { error: 'e' }, {}),
  {
    minLength: 9,
    maxLength: 9,
  },
);

test('in a graph that is taken no port ever gets two values in one run', async () => {
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(graphs, outcomes, async (graph, results) => {
      try {
        validateGraph(graph);
      } catch (error) {
        expect((error as GraphError).name).toBe('GraphError');
        return;
      }
      taken++;
      const invoke = (name: string): Promise<unknown> => Promise.resolve(results[Number(name.slice(4))]);
      const run = runGraph(graph, { value: [1] }, invoke);
      await run.catch((error: unknown) => expect(String(error)).toBe('Error: 0 results'));
    }),
    { numRuns: 8000 },
  );
  expect(taken).toBeGreaterThan(400);
});
