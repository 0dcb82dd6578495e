import fc from 'fast-check';
import { validateGraph } from '../graph/index.js';
import { originalFolder, runOriginal } from '../testing/original.js';
import { inputs, programs } from '../testing/programs.js';
import { runAst } from '../testing/run-ast.js';
import { runGraph } from '../testing/run-graph.js';
import { seen } from '../testing/seen.js';
import { compileComposition } from './index.js';

/** The original takes long to make its code small. */
const RUNS = originalFolder === undefined ? 1500 : 200;

/** A name that Composer declares around its own functions: the direct reading knows nothing of these. */
const hasReservedName = (ast: unknown): boolean => JSON.stringify(ast).includes('{"class":1}');

test('any program gives the same result with the same invocations as a graph, of either form, and read directly', async () => {
  await fc.assert(
    fc.asyncProperty(programs, inputs, async (program, input) => {
      const { ast, composition } = JSON.parse(JSON.stringify(program.compile()));
      const graph = validateGraph(compileComposition(ast));
      const found = await seen(ast, (invoke) => runGraph(graph, input, invoke));
      const lowered = compileComposition(composition);
      expect(await seen(ast, (invoke) => runGraph(lowered, input, invoke))).toEqual(found);
      if (originalFolder !== undefined) {
        expect(await seen(ast, (invoke) => runOriginal({ composition }, input, invoke))).toEqual(found);
      }
      if (hasReservedName(ast)) return;
      expect(await seen(ast, (invoke) => runAst(ast, input, invoke))).toEqual(found);
    }),
    { numRuns: RUNS },
  );
});
