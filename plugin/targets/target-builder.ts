import { setImmediate } from 'node:timers/promises';
import { ApiError } from '@dataflower/common/http';
import type { Graph } from '@dataflower/composer/graph';
import type { ActionDescription, Target, WorkflowTarget } from '@dataflower/invoker-shim';
import { codeOf, isCodeGone } from '../entities/action/code.js';
import { type ActionDocument, isAction, isSequence } from '../entities/action/document.js';
import type { Caller } from '../auth/identity.js';
import { containerSpec, describe, functionTarget, runParameters, type TargetContext } from './function-target.js';
import type { Workflow } from '../workflows/annotations.js';
import type { CompiledWorkflows } from '../workflows/compiled-workflows.js';
import { charsOf } from '../stores/entity-store.js';
import type { StoredCode } from './target-codes.js';

const READ_AT_ONCE = 64;
/** Longest time of building in one turn of the event loop, in ms: cached documents need no I/O that would end it. */
const TURN_MS = 10;

/** Limits of a workflow: its different actions, and the JSON of all their documents together, in characters. */
export interface WorkflowBounds {
  readonly maxActions: number;
  readonly maxChars: number;
}

/** The whole workflow cannot run, also when an inner one has exceeded the limit. */
class WorkflowTooLargeError extends ApiError {}

/**
 * Builds the target of an action with the targets of all actions that it names, each once: workflows share the target of
 * an action that both name, and a composition that calls itself has itself among its actions.
 */
export class TargetBuilder {
  /** Revisions of all documents that were read; undefined for a missing one. */
  readonly revisions = new Map<string, string | undefined>();
  /** Size of all documents that were read, as JSON. */
  bytes = 1;
  /** Stored code of all functions, which they load when they start. */
  readonly codes: StoredCode[] = [];
  readonly #targets = new Map<string, Target>();
  #turnBegan = performance.now();

  readonly #caller: Caller;
  readonly #context: TargetContext;
  readonly #workflows: CompiledWorkflows;
  readonly #bounds: WorkflowBounds;

  constructor(caller: Caller, context: TargetContext, workflows: CompiledWorkflows, bounds: WorkflowBounds) {
    this.#caller = caller;
    this.#context = context;
    this.#workflows = workflows;
    this.#bounds = bounds;
  }

  async read(id: string): Promise<ActionDocument | undefined> {
    const document = await this.#context.store.get(id);
    this.revisions.set(id, document?._rev);
    this.bytes += document === undefined ? 0 : charsOf(document);
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
    await this.#endTurn();
    const { exec } = document;
    const workflow = await this.#workflows.of(document, () => codeOf(document, this.#context.store));
    if (workflow !== undefined) return this.#workflow(document, workflow);
    if (isSequence(exec)) throw new Error(`The sequence ${document._id} is no workflow.`);
    const target = functionTarget(this.#caller, document, this.#context);
    this.#targets.set(document._id, target);
    if (exec.code === undefined) this.codes.push({ documentId: document._id, revision: document._rev! });
    return target;
  }

  /** Yields to the event loop when this turn has taken long. */
  async #endTurn(): Promise<void> {
    if (performance.now() - this.#turnBegan < TURN_MS) return;
    await setImmediate();
    this.#turnBegan = performance.now();
  }

  async #workflow(
    document: ActionDocument,
    { type: workflow, graph, digest, chars }: Workflow,
  ): Promise<WorkflowTarget> {
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

  /** Reads all parts concurrently into the cache, for a remote store. A failed read is repeated when the part is built. */
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

  /** A name without an action is an error only when the run reaches it (OW-66, CO-10). */
  async #component(name: string, workflow: Workflow['type']): Promise<Target> {
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
      const ofTheWhole = error instanceof WorkflowTooLargeError || isCodeGone(error);
      if (!(error instanceof ApiError) || ofTheWhole) throw error;
      return { type: 'missing', error: error.message };
    }
  }
}

/** A workflow's record shows the most memory that a part of it may take (OW-64). */
function mostMemory(parts: Iterable<Target>, own: number): number {
  let most = 0;
  for (const part of parts) if (part.type !== 'missing') most = Math.max(most, part.action.limits.memory);
  return most === 0 ? own : most;
}
