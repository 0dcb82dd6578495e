import { graphDigest, type Graph } from '@dataflower/composer/graph';
import { WorkflowCompiler } from './workflow-compiler.js';

const compiler = new WorkflowCompiler();
const times = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i));

const fan = (width: number, more: object[] = []) => ({
  version: 1,
  nodes: [{ id: 'f', kind: 'fork' }, { id: 'j', kind: 'join', width }, ...more],
  edges: [
    { from: '$USER.params', to: 'f.in' },
    ...times(width, (i) => ({ from: 'f.branch', to: `j.${i}` })),
    { from: 'f.scope', to: 'j.scope' },
    { from: 'j.out', to: '$USER.result' },
  ],
});
const deployed = (ast: object) => [
  { key: 'conductor', value: ast },
  { key: 'composerVersion', value: '0.12.0' },
];
const action = { type: 'action', name: '/_/a' };
const noCode = (): Promise<undefined> => Promise.resolve(undefined);
const lowered = (components: object[]) => (): Promise<string> => {
  const composition = JSON.stringify({ type: 'sequence', components, path: '' });
  return Promise.resolve(`const composition = ${composition}\n\n// do not edit below this point`);
};

/** Counts the turns of the event loop until `work` is done. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let turns = 0;
  let done = false;
  const turn = (): void => {
    turns++;
    if (!done) setImmediate(turn);
  };
  setImmediate(turn);
  await work.finally(() => (done = true));
  return turns;
}

const large = fan(20_000);

test('small and large graphs are checked alike, and are returned as the same objects', async () => {
  for (const graph of [fan(3), large]) {
    const compiled = await compiler.graph(graph, 'It');
    expect(compiled.graph).toBe(graph);
    expect(compiled.digest).toBe(graphDigest(graph as unknown as Graph));
  }
  for (const width of [3, 20_000]) {
    const wrong = fan(width, [{ id: 'lonely', kind: 'norm' }]);
    await expect(compiler.graph(wrong, 'It')).rejects.toMatchObject({
      status: 400,
      message: 'It cannot run: nodes[2]: nothing feeds "lonely.in", so the node never runs; add an edge into it',
    });
  }
  await expect(compiler.graph(undefined, 'It')).rejects.toMatchObject({ status: 400 });
});

test('small and large compositions are compiled alike', async () => {
  const ast = (n: number) => ({ type: 'parallel', components: times(n, () => action) });
  const small = await compiler.composition(deployed(ast(2)), noCode);
  expect(small.graph.nodes).toHaveLength(4);
  const big = await compiler.composition(deployed(ast(5000)), noCode);
  expect(big.graph.nodes).toHaveLength(5002);
  expect(big.digest).toBe(graphDigest(big.graph));
  const byCode = await compiler.composition(
    deployed({ type: 'my.own' }),
    lowered(times(3000, () => ({ ...action, path: '' }))),
  );
  expect(byCode.graph.nodes).toHaveLength(3000);
  for (const pad of [[], times(9000, () => action)]) {
    const unknown = deployed({ type: 'sequence', components: [{ type: 'while' }, ...pad] });
    await expect(compiler.composition(unknown, noCode)).rejects.toMatchObject({
      status: 400,
      message: expect.stringMatching(/^The composition cannot run by data flow: root\[0\]: the combinator "while"/),
    });
  }
});

test.each<[string, () => Promise<unknown>]>([
  ['a graph with many edges', () => compiler.graph(large, 'It')],
  [
    'a composition in its code, of twenty megabytes',
    () =>
      compiler.composition(deployed({ type: 'my.own' }), lowered(times(400_000, () => ({ ...action, path: '[1]' })))),
  ],
])('the event loop goes on while %s is compiled', async (_, compile) => {
  const turns = await turnsDuring(compile().catch(() => undefined));
  // Compiled at once there would be one or two.
  expect(turns).toBeGreaterThan(20);
});

test('a workflow beyond the queue of the thread is refused', async () => {
  const busy = new WorkflowCompiler(2);
  const asked = times(5, () => busy.graph(large, 'It'));
  // One is compiled, two wait.
  const refused = (await Promise.allSettled(asked)).slice(3);
  expect(refused).toMatchObject(times(2, () => ({ status: 'rejected', reason: { status: 503 } })));
  await busy.graph(large, 'It');
});
