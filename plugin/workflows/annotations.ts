import { ApiError } from '@dataflower/common/http';
import { isTruthy, type Parameter, valueOf } from '../entities/parameters.js';
import { CONDUCTOR_ANNOTATION } from './compile.js';
import type { CompiledWorkflow, WorkflowCompiler } from './workflow-compiler.js';

/** The annotation that holds a graph (DV-15). */
const GRAPH_ANNOTATION = 'dataflower';
export const PARADIGM_ANNOTATION = 'dataflower-paradigm';

export interface AnnotatedWorkflow extends CompiledWorkflow {
  readonly workflow: 'graph' | 'composition';
}

/** True when an annotation makes the action a workflow; whether it can run is not looked at. */
export function isWorkflow(annotations: readonly Parameter[]): boolean {
  return isTruthy(valueOf(annotations, GRAPH_ANNOTATION)) || isTruthy(valueOf(annotations, CONDUCTOR_ANNOTATION));
}

/** The workflow that an action is by its annotations, one of which `isWorkflow`. Throws `ApiError` when it cannot run. */
export async function annotatedWorkflow(
  annotations: readonly Parameter[],
  code: string | undefined,
  compiler: WorkflowCompiler,
): Promise<AnnotatedWorkflow> {
  const marked = valueOf(annotations, GRAPH_ANNOTATION);
  if (isTruthy(marked)) return { workflow: 'graph', ...(await checkGraph(marked, compiler)) };
  return { workflow: 'composition', ...(await compiler.composition(annotations, code)) };
}

/** What a PUT can be refused for: a graph that cannot run, an unknown paradigm. Any other annotation is stored as it is. */
export async function checkWorkflowAnnotations(
  annotations: readonly Parameter[],
  compiler: WorkflowCompiler,
): Promise<void> {
  paradigmOf(valueOf(annotations, PARADIGM_ANNOTATION), `The annotation '${PARADIGM_ANNOTATION}'`);
  const marked = valueOf(annotations, GRAPH_ANNOTATION);
  if (isTruthy(marked)) await checkGraph(marked, compiler);
}

/** DV-16. */
export function paradigmOf(value: unknown, where: string): 'dataflow' | 'controlflow' | undefined {
  if (value === undefined || value === null) return undefined;
  if (value === 'dataflow' || value === 'controlflow') return value;
  throw new ApiError(400, `${where} must be 'dataflow' or 'controlflow', not ${shown(value)}.`);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 100 ? `${text.slice(0, 97)}...` : text;
}

function checkGraph(marked: unknown, compiler: WorkflowCompiler): Promise<CompiledWorkflow> {
  const { version, graph } = (typeof marked === 'object' ? marked : {}) as { version?: unknown; graph?: unknown };
  if (version !== 1)
    throw new ApiError(400, `The annotation '${GRAPH_ANNOTATION}' must be {"version": 1, "graph": {…}}.`);
  return compiler.graph(graph, `The graph in the annotation '${GRAPH_ANNOTATION}'`);
}
