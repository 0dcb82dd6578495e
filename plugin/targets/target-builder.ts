import { setImmediate } from 'node:timers/promises';
import { ApiError } from '@dataflower/common/http';
import { compileSequence, type Graph, graphDigest } from '@dataflower/composer/graph';
import type { ActionDescription, Target, WorkflowTarget } from '@dataflower/invoker-shim';
import { CodeGoneError, codeOf } from '../entities/action/code.js';
import { type ActionDocument, isAction, isSequence } from '../entities/action/document.js';
import type { Caller } from '../auth/identity.js';
import { containerSpec, describe, functionTarget, runParameters, type TargetContext } from './function-target.js';
import { annotatedWorkflow, isWorkflow } from '../workflows/annotations.js';
import type { Graphs } from '../workflows/compiled-workflows.js';
import type { StoredCode } from './target-codes.js';
import type { CompiledWorkflow, WorkflowCompiler } from '../workflows/workflow-compiler.js';

type Workflow = WorkflowTarget['workflow'];

const READ_AT_ONCE = 64;
/** Time that looking up may take of one turn of the event loop, in ms: documents in memory are there without a wait. */
const TURN_MS = 10;

/** How many different actions a workflow may name, and how large they may be, all documents together, as JSON. */
export interface WorkflowBounds {
  readonly maxActions: number;
  readonly maxChars: number;
}

/** The workflow as a whole cannot run, wherever in it the bound was passed. */
class WorkflowTooLargeError extends ApiError {}

/**
 * Looks up everything that one invocation needs, each action once: two workflows that name the same one share its
 * target, and a composition that calls itself has itself among its actions.
 */
export class TargetBuilder {
  /** Every document that was looked at; undefined: it was not there. */
  readonly revisions = new Map<string, string | undefined>();
  /** Size of what was looked at, as JSON. */
  bytes = 1;
  /** The code that functions among it load when they start. */
  readonly codes: StoredCode[] = [];
  readonly #targets = new Map<string, Target>();
  #turnBegan = performance.now();

  readonly #caller: Caller;
  readonly #context: TargetContext;
  readonly #compiler: WorkflowCompiler;
  readonly #graphs: Graphs;
  readonly #bounds: WorkflowBounds;

  constructor(
    caller: Caller,
    context: TargetContext,
    compiler: WorkflowCompiler,
    graphs: Graphs,
    bounds: WorkflowBounds,
  ) {
    this.#caller = caller;
    this.#context = context;
    this.#compiler = compiler;
    this.#graphs = graphs;
    this.#bounds = bounds;
  }

  async read(id: string): Promise<ActionDocument | undefined> {
    const document = await this.#context.store.get(id);
    this.revisions.set(id, document?._rev);
    this.bytes += JSON.stringify(document)?.length ?? 0;
    const { maxActions, maxChars } = this.#bounds;
    if (this.revisions.size > maxActions + 1) {
      const text = `The workflow names more than ${maxActions} different actions, those of the workflows in it counted in (limits.workflowActions).`;
      throw new WorkflowTooLargeError(400, text);
    }
    if (this.bytes > maxChars && this.revisions.size > 1) {
      const text = `The definitions of all actions that the workflow names are larger than ${maxChars} characters.`;
      throw new WorkflowTooLargeError(400, text);
    }
    return isAction(document) ? document : undefined;
  }

  /** Throws `ApiError` for an action that cannot run. */
  async build(document: ActionDocument): Promise<Exclude<Target, { type: 'missing' }>> {
    const { exec, annotations } = document;
    await this.#endTurn();
    if (isSequence(exec)) return this.#workflow(document, 'sequence', chain(exec.components));
    if (isWorkflow(annotations)) {
      const code = await codeOf(document, this.#context.store);
      const annotated = await annotatedWorkflow(annotations, code, this.#compiler);
      return this.#workflow(document, annotated.workflow, annotated);
    }
    const target = functionTarget(this.#caller, document, this.#context);
    this.#targets.set(document._id, target);
    if (exec.code === undefined) this.codes.push({ documentId: document._id, revision: document._rev! });
    return target;
  }

  /** Others have their turn. */
  async #endTurn(): Promise<void> {
    if (performance.now() - this.#turnBegan < TURN_MS) return;
    await setImmediate();
    this.#turnBegan = performance.now();
  }

  async #workflow(document: ActionDocument, workflow: Workflow, made: CompiledWorkflow): Promise<WorkflowTarget> {
    const { digest, chars } = made;
    const graph = this.#graphs.intern(made.graph, digest, chars);
    this.bytes += chars;
    const actions = new Map<string, Target>();
    const inline = graph.nodes.some((node) => node.kind === 'function');
    const steps = inline ? { steps: containerSpec(this.#caller, document, this.#context, 'steps') } : {};
    const action: { -readonly [K in keyof ActionDescription]: ActionDescription[K] } = { ...describe(document) };
    const bound = workflow === 'sequence' ? {} : runParameters(document.parameters);
    const below = Object.keys(bound).length === 0 ? {} : { parameters: bound };
    const target: WorkflowTarget = { type: 'workflow', workflow, action, graph, digest, actions, ...steps, ...below };
    this.#targets.set(document._id, target);
    await this.#readAhead(graph);
    for (const node of graph.nodes) {
      if (node.kind !== 'action' || actions.has(node.action)) continue;
      actions.set(node.action, await this.#component(node.action, workflow));
    }
    action.limits = { ...action.limits, memory: mostMemory(actions.values(), action.limits.memory) };
    return target;
  }

  /** A store that is far away is asked for all parts at once; one that fails fails again when its turn comes. */
  async #readAhead(graph: Graph): Promise<void> {
    const named = graph.nodes.flatMap((node) => (node.kind === 'action' ? [this.#idOf(node.action)] : []));
    const ids = [...new Set(named)].filter((id) => this.#isOwn(id) && !this.#targets.has(id));
    for (let from = 0; from < ids.length && ids.length > 1; from += READ_AT_ONCE) {
      await Promise.allSettled(ids.slice(from, from + READ_AT_ONCE).map((id) => this.#context.store.get(id)));
    }
  }

  #idOf(name: string): string {
    return name.slice(1).replace(/^_(?=\/)/, this.#caller.namespace);
  }

  #isOwn(id: string): boolean {
    return id.startsWith(`${this.#caller.namespace}/`);
  }

  /** A name that leads nowhere is an error only when the run gets there (OW-66, CO-10). */
  async #component(name: string, workflow: Workflow): Promise<Target> {
    const id = this.#idOf(name);
    const known = this.#targets.get(id);
    if (known !== undefined) return known;
    const missing = (failed: string): Target => ({
      type: 'missing',
      error:
        workflow === 'sequence'
          ? 'Sequence component does not exist.'
          : `${failed} with name '${id}' during composition.`,
    });
    if (!this.#isOwn(id)) return missing('Failed entitlement check for action');
    const document = await this.read(id);
    if (document === undefined) return missing('Failed to resolve action');
    try {
      return await this.build(document);
    } catch (error) {
      const ofTheWhole = error instanceof WorkflowTooLargeError || error instanceof CodeGoneError;
      if (!(error instanceof ApiError) || ofTheWhole) throw error;
      return { type: 'missing', error: error.message };
    }
  }
}

function chain(components: readonly string[]): CompiledWorkflow {
  const graph = compileSequence(components);
  return { graph, digest: graphDigest(graph), chars: components.reduce((sum, name) => sum + name.length + 100, 100) };
}

/** A workflow's record shows the most memory that a part of it may take (OW-64). */
function mostMemory(parts: Iterable<Target>, own: number): number {
  let most = 0;
  for (const part of parts) if (part.type !== 'missing') most = Math.max(most, part.action.limits.memory);
  return most === 0 ? own : most;
}
