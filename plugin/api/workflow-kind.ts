import { compileComposition, recogniseComposition } from '@dataflower/composer/compiler';
import { type Graph, validateGraph } from '@dataflower/composer/graph';
import { ApiError } from './api-error.js';
import { isTruthy, type Parameter, valueOf } from './parameters.js';

/** The annotation that holds a graph (DV-15). */
export const GRAPH_ANNOTATION = 'dataflower';
export const CONDUCTOR_ANNOTATION = 'conductor';
export const PARADIGM_ANNOTATION = 'dataflower-paradigm';

export type AnnotatedWorkflow = { readonly workflow: 'graph' | 'composition'; readonly graph: Graph };

/** True when an annotation makes the action a workflow; whether it can run is not looked at. */
export function isWorkflow(annotations: readonly Parameter[]): boolean {
  return isTruthy(valueOf(annotations, GRAPH_ANNOTATION)) || isTruthy(valueOf(annotations, CONDUCTOR_ANNOTATION));
}

/** The workflow that an action is by its annotations; undefined for an ordinary function. Throws when it cannot run. */
export function annotatedWorkflow(
  annotations: readonly Parameter[],
  code: string | undefined,
): AnnotatedWorkflow | undefined {
  const marked = valueOf(annotations, GRAPH_ANNOTATION);
  if (isTruthy(marked)) return { workflow: 'graph', graph: graphOf(marked) };
  const conductor = valueOf(annotations, CONDUCTOR_ANNOTATION);
  if (!isTruthy(conductor)) return undefined;
  const graph = recogniseComposition(annotations, code);
  if (graph === undefined) throw new ApiError(400, whyNot(conductor));
  return { workflow: 'composition', graph };
}

/** What a PUT can be refused for: a graph that cannot run, an unknown paradigm. Any other annotation is stored as it is. */
export function checkWorkflowAnnotations(annotations: readonly Parameter[]): void {
  const marked = valueOf(annotations, GRAPH_ANNOTATION);
  if (isTruthy(marked)) graphOf(marked);
  paradigmOf(valueOf(annotations, PARADIGM_ANNOTATION), `The annotation '${PARADIGM_ANNOTATION}'`);
}

/** DV-16. */
export function paradigmOf(value: unknown, where: string): 'dataflow' | 'controlflow' | undefined {
  if (value === undefined || value === null) return undefined;
  if (value === 'dataflow' || value === 'controlflow') return value;
  throw new ApiError(400, `${where} must be 'dataflow' or 'controlflow', not ${JSON.stringify(value)}.`);
}

function graphOf(marked: unknown): Graph {
  const { version, graph } = (typeof marked === 'object' ? marked : {}) as { version?: unknown; graph?: unknown };
  if (version !== 1)
    throw new ApiError(400, `The annotation '${GRAPH_ANNOTATION}' must be {"version": 1, "graph": {…}}.`);
  try {
    return validateGraph(graph);
  } catch (cause) {
    throw new ApiError(
      400,
      `The graph in the annotation '${GRAPH_ANNOTATION}' cannot run: ${(cause as Error).message}`,
      { cause },
    );
  }
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
