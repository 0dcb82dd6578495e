import { ComposerError } from '../combinators/combinator.js';
import { fromAst } from '../combinators/parse.js';
import { GraphError } from '../graph/error.js';
import { USER } from '../graph/ports.js';
import type { Graph } from '../graph/types.js';
import { validateGraph } from '../graph/validate.js';
import { CompileError, rootOf } from './ast.js';
import { CALLER, GraphBuilder, type Source } from './builder.js';
import { compile } from './combinators.js';

/**
 * The graph of a composition, given as one or in either of its JSON forms (as written, or lowered). Throws
 * `CompileError` for a value that is no composition, for a combinator that cannot be compiled, and for one that is too large.
 */
export function compileComposition(composition: unknown): Graph {
  try {
    const json: unknown = JSON.parse(JSON.stringify(composition ?? null));
    const { graph, lower } = build(json);
    return validateGraph(lower ? build(lowered(json)).graph : graph);
  } catch (error) {
    if (error instanceof GraphError) {
      throw new CompileError('root', `the composition makes a graph that cannot run: ${error.message}`);
    }
    if (error instanceof ComposerError) throw new CompileError('root', error.message);
    if (error instanceof RangeError) throw new CompileError('root', 'the composition is nested too deeply');
    throw error;
  }
}

/** `lower`: a variable has a name at which Composer's own functions fail, so these have to be there. */
function build(json: unknown): { graph: Graph; lower: boolean } {
  const root = rootOf(json);
  const builder = new GraphBuilder();
  let harmless = true;
  const variable = (name: string): void => {
    harmless &&= isHarmless(name);
  };
  const uncaught: Source[] = [];
  const result = compile(root, CALLER, { graph: builder, depth: 0, errors: uncaught, variable });
  builder.connect(result, `${USER}.result`);
  const { nodes, edges } = builder;
  return { graph: { version: 1, nodes, edges }, lower: !harmless && !root.labelled };
}

function lowered(json: unknown): unknown {
  return JSON.parse(JSON.stringify(fromAst(json).compile().composition));
}

/** Names that a function in sloppy mode cannot declare by `var`, or that hide a name which Composer's own functions use. */
const HARMFUL = new Set(
  (
    'arguments eval require ' +
    'break case catch class const continue debugger default delete do else enum export extends false finally for function ' +
    'if import in instanceof new null return super switch this throw true try typeof var void while with'
  ).split(' '),
);

/**
 * True when a variable of this name can be there without harm to a function that does not use it. Composer declares
 * every visible variable around every function, its own ones too: a reserved word makes all of them fail.
 */
export function isHarmless(name: string): boolean {
  return /^[A-Za-z_$][\w$]*$/.test(name) && !HARMFUL.has(name);
}
