import { ApiError } from '@dataflower/common/http';
import { compileSequence, graphDigest } from '@dataflower/composer/graph';
import { type ActionDocument, isSequence } from '../entities/action/document.js';
import { isTruthy, type Parameter, valueOf } from '../entities/parameters.js';
import { charsOf } from '../stores/entity-store.js';
import { CONDUCTOR_ANNOTATION } from './compile.js';
import type { CompiledWorkflow, WorkflowCompiler } from './workflow-compiler.js';

/** The annotation that holds a graph (DV-15). */
const GRAPH_ANNOTATION = 'dataflower';
export const PARADIGM_ANNOTATION = 'dataflower-paradigm';

export interface Workflow extends CompiledWorkflow {
  readonly type: 'sequence' | 'graph' | 'composition';
}

/**
 * Compiles an action that is a workflow by its kind or its annotations; undefined for any other action. Throws `ApiError`
 * for a workflow that cannot run.
 *
 * @param code Reads the action's code; called only for a composition that its annotation does not describe.
 */
export async function workflowOf(
  document: ActionDocument,
  code: () => Promise<string | undefined>,
  compiler: WorkflowCompiler,
): Promise<Workflow | undefined> {
  const { exec, annotations } = document;
  if (isSequence(exec)) return { type: 'sequence', ...sequenceOf(exec.components) };
  const marked = valueOf(annotations, GRAPH_ANNOTATION);
  if (isTruthy(marked)) return { type: 'graph', ...(await checkGraph(marked, compiler, charsOf(document))) };
  if (!isTruthy(valueOf(annotations, CONDUCTOR_ANNOTATION))) return undefined;
  return { type: 'composition', ...(await compiler.composition(annotations, code, charsOf(document))) };
}

/**
 * Checks the annotations of a PUT. Throws `ApiError` 400 for a graph that cannot run and for an unknown paradigm; other
 * annotations are stored unchecked.
 */
export async function checkWorkflowAnnotations(
  annotations: readonly Parameter[],
  compiler: WorkflowCompiler,
): Promise<void> {
  paradigmOf(valueOf(annotations, PARADIGM_ANNOTATION), `The annotation '${PARADIGM_ANNOTATION}'`);
  const marked = valueOf(annotations, GRAPH_ANNOTATION);
  if (isTruthy(marked)) await checkGraph(marked, compiler);
}

/** Reads a paradigm (DV-16); undefined when there is none. Throws `ApiError` 400; `where` begins its text. */
export function paradigmOf(value: unknown, where: string): 'dataflow' | 'controlflow' | undefined {
  if (value === undefined || value === null) return undefined;
  if (value === 'dataflow' || value === 'controlflow') return value;
  throw new ApiError(400, `${where} must be 'dataflow' or 'controlflow', not ${shown(value)}.`);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 100 ? `${text.slice(0, 97)}...` : text;
}

function checkGraph(marked: unknown, compiler: WorkflowCompiler, mostChars?: number): Promise<CompiledWorkflow> {
  const { version, graph } = (typeof marked === 'object' ? marked : {}) as { version?: unknown; graph?: unknown };
  if (version !== 1)
    throw new ApiError(400, `The annotation '${GRAPH_ANNOTATION}' must be {"version": 1, "graph": {…}}.`);
  return compiler.graph(graph, `The graph in the annotation '${GRAPH_ANNOTATION}'`, mostChars);
}

function sequenceOf(components: readonly string[]): CompiledWorkflow {
  const graph = compileSequence(components);
  return { graph, digest: graphDigest(graph), chars: components.reduce((sum, name) => sum + name.length + 100, 100) };
}
