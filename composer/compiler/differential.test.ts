import fc from 'fast-check';
import { validateGraph } from '../graph/index.js';
import { recorder } from '../test-support/actions.js';
import type { Json } from '../test-support/functions.js';
import { runOriginal } from '../test-support/original.js';
import { inputs, programs } from '../test-support/programs.js';
import { runAst } from '../test-support/run-ast.js';
import { runGraph, type Invoke } from '../test-support/run-graph.js';
import { compileComposition } from './index.js';

const RUNS = Number(process.env.COMPOSER_TEST_RUNS ?? 1500);

/** The result and the invocations; these in order unless branches ran at once. */
async function seen(ast: unknown, run: (invoke: Invoke) => Promise<Json>): Promise<{ result: Json; calls: string[] }> {
  const { invoke, calls } = recorder();
  const result = await run(invoke);
  const texts = calls.map((call) => JSON.stringify(call));
  return { result, calls: /"type":"(?:map|par|parallel)"/.test(JSON.stringify(ast)) ? texts.sort() : texts };
}

/** A name that Composer declares around its own functions: the direct reading knows nothing of these. */
const hasReservedName = (ast: unknown): boolean => JSON.stringify(ast).includes('{"class":1}');

test('any program gives the same result with the same invocations as graph, read directly, and by the original', async () => {
  await fc.assert(
    fc.asyncProperty(programs, inputs, async (program, input) => {
      const { ast, composition } = JSON.parse(JSON.stringify(program.compile()));
      const expected = await seen(ast, (invoke) => runOriginal({ composition }, input, invoke));
      const graph = validateGraph(compileComposition(ast));
      expect(await seen(ast, (invoke) => runGraph(graph, input, invoke))).toEqual(expected);
      const lowered = compileComposition(composition);
      expect(await seen(ast, (invoke) => runGraph(lowered, input, invoke))).toEqual(expected);
      if (hasReservedName(ast)) return;
      expect(await seen(ast, (invoke) => runAst(ast, input, invoke))).toEqual(expected);
    }),
    { numRuns: RUNS },
  );
}, 60_000);
