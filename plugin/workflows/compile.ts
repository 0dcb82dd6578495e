import { compileComposition, recogniseComposition } from '@dataflower/composer/compiler';
import { type Graph, graphDigest, validateGraph } from '@dataflower/composer/graph';
import { type Parameter, valueOf } from '../entities/parameters.js';

export const CONDUCTOR_ANNOTATION = 'conductor';
/** Largest JSON of a compiled composition: the event loop has to parse it. */
const MAX_GRAPH_CHARS = 16 * 1024 * 1024;

/** A workflow as it stands in an action: the input of the compiler. */
export type CompileWork =
  | { readonly type: 'graph'; readonly graph: unknown }
  | { readonly type: 'composition'; readonly annotations: readonly Parameter[]; readonly code: string | undefined };

/** Why a workflow cannot run, for its author. */
export interface Refused {
  readonly refused: string;
  /** The compiler ran out of memory. */
  readonly isTooLarge?: true;
}

export type Compiled = { readonly graph: Graph; readonly digest: string } | Refused;

/** Checks a graph or compiles a composition, on the calling thread. Never throws. */
export function compileWorkflow(work: CompileWork): Compiled {
  try {
    const graph = work.type === 'graph' ? validateGraph(work.graph) : recogniseComposition(work.annotations, work.code);
    if (graph !== undefined) return { graph, digest: graphDigest(graph) };
    return {
      refused: whyNot(valueOf((work as { annotations: readonly Parameter[] }).annotations, CONDUCTOR_ANNOTATION)),
    };
  } catch (error) {
    return { refused: (error as Error).message };
  }
}

/** `CompileWork` for another thread: JSON text costs the event loop less than a structured clone. */
export interface CompileWorkText {
  readonly type: CompileWork['type'];
  /** The graph, or the annotations. */
  readonly json: string;
  readonly code: string | undefined;
}

/** `graph` is JSON, and undefined where the caller has the graph. */
export type CompiledText = { readonly graph: string | undefined; readonly digest: string } | Refused;

export function compileText({ type, json, code }: CompileWorkText): CompiledText {
  const given: unknown = JSON.parse(json);
  const work: CompileWork =
    type === 'graph' ? { type, graph: given } : { type, annotations: given as readonly Parameter[], code };
  const compiled = compileWorkflow(work);
  if ('refused' in compiled) return compiled;
  const { digest } = compiled;
  if (type === 'graph') return { graph: undefined, digest };
  const graph = JSON.stringify(compiled.graph);
  if (graph.length > MAX_GRAPH_CHARS) {
    return { refused: `The composition makes a graph of ${graph.length} characters, the limit is ${MAX_GRAPH_CHARS}.` };
  }
  return { graph, digest };
}

function whyNot(conductor: unknown): string {
  if (typeof conductor !== 'object')
    return 'The action is a conductor that was written by hand, which this version does not run: deploy it as a composition.';
  try {
    compileComposition(conductor);
  } catch (cause) {
    return `The composition cannot run by data flow: ${(cause as Error).message}`;
  }
  return "The action has an annotation 'conductor' and none 'composerVersion': deploy it as a composition.";
}
