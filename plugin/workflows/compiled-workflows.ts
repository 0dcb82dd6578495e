import { LRUCache } from 'lru-cache';
import type { Graph } from '@dataflower/composer/graph';
import type { ActionDocument } from '../entities/action/document.js';
import { workflowOf, type Workflow } from './annotations.js';
import type { WorkflowCompiler } from './workflow-compiler.js';

const KEPT_REVISIONS = 10_000;
/** Limit of the graphs, in characters of their JSON. */
const KEPT_CHARS = 64 * 1024 * 1024;

/**
 * Workflows by the revision of their document, so that each revision is compiled once. Equal graphs are one object: hosts
 * keep their plans by it.
 */
export class CompiledWorkflows {
  readonly #revisions = new LRUCache<string, Omit<Workflow, 'graph'>>({ max: KEPT_REVISIONS });
  readonly #graphs = new LRUCache<string, Graph>({ maxSize: KEPT_CHARS });

  readonly #compiler: WorkflowCompiler;

  constructor(compiler: WorkflowCompiler) {
    this.#compiler = compiler;
  }

  /**
   * Undefined for an action that is no workflow. Throws `ApiError` for a workflow that cannot run.
   *
   * @param code Reads the action's code; called only for a composition that its annotation does not describe.
   */
  async of(document: ActionDocument, code: () => Promise<string | undefined>): Promise<Workflow | undefined> {
    const revision = `${document._id}@${document._rev!}`;
    const known = this.#revisions.get(revision);
    const graph = known === undefined ? undefined : this.#graphs.get(known.digest);
    if (known !== undefined && graph !== undefined) return { ...known, graph };
    const compiled = await workflowOf(document, code, this.#compiler);
    if (compiled === undefined) return undefined;
    const { type, digest, chars } = compiled;
    this.#revisions.set(revision, { type, digest, chars });
    return { type, digest, chars, graph: this.#intern(compiled) };
  }

  #intern({ graph, digest, chars }: Workflow): Graph {
    const known = this.#graphs.get(digest);
    if (known !== undefined) return known;
    this.#graphs.set(digest, graph, { size: Math.max(1, chars) });
    return graph;
  }
}
