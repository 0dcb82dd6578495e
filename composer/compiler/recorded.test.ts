import { recorded } from '../testing/recorded.js';
import { runGraph } from '../testing/run-graph.js';
import { seen } from '../testing/seen.js';
import { compileComposition } from './index.js';

test('recorded runs of Composer 0.12.0 come out the same, with the same invocations', async () => {
  const runs = recorded('original-runs.jsonl');
  expect(runs.length).toBeGreaterThan(200);
  for (const { ast, input, result, calls } of runs) {
    const graph = compileComposition(ast);
    expect(await seen(ast, (invoke) => runGraph(graph, input, invoke))).toEqual({ result, calls });
  }
});
