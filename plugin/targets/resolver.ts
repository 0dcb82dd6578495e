import type { FunctionTarget, WorkflowTarget } from '@dataflower/invoker-shim';
import { LRUCache } from 'lru-cache';
import type { ActionDocument } from '../api/action-document.js';
import { isTruthy, valueOf } from '../api/parameters.js';
import { PARADIGM_ANNOTATION, paradigmOf } from '../api/workflow-kind.js';
import type { Caller } from '../auth/identity.js';
import type { CachedStore } from '../stores/cached-store.js';
import { runParameters } from './function-target.js';
import { Graphs } from './graphs.js';
import { TargetBuilder } from './target-builder.js';

/** An action that can be started, for one caller. */
export interface Resolved {
  readonly target: FunctionTarget | WorkflowTarget;
  /** Laid under the payload before a composition or a graph starts (OW-41, DV-9); functions do it themselves. */
  readonly parameters: Readonly<Record<string, unknown>> | undefined;
  /** Members that a payload may not have (OW-42). */
  readonly finalKeys: readonly string[];
  readonly paradigm: 'dataflow' | 'controlflow';
}

interface Entry {
  /** Of the store, when the entry was last known to hold. */
  storeVersion: number;
  readonly revisions: ReadonlyMap<string, string | undefined>;
  readonly resolved: Resolved;
}

const KEPT_TARGETS = 10_000;

/** From action documents to what a host can start. Targets are kept while the documents they were made of stay the same. */
export class TargetResolver {
  private readonly entries = new LRUCache<string, Entry>({ max: KEPT_TARGETS });
  private readonly graphs = new Graphs();

  constructor(
    private readonly store: CachedStore,
    private readonly apiHost: () => string,
  ) {}

  /** What is known to hold without looking; the path of nearly every invocation. */
  peek(caller: Caller, id: string): Resolved | undefined {
    const entry = this.entries.get(keyOf(caller, id));
    return entry?.storeVersion === this.store.version ? entry.resolved : undefined;
  }

  /** Undefined: there is no such action. Throws `ApiError` for one that cannot run. */
  async resolve(caller: Caller, id: string): Promise<Resolved | undefined> {
    const storeVersion = this.store.version;
    const key = keyOf(caller, id);
    const entry = this.entries.get(key);
    if (entry !== undefined && (await this.holds(entry))) {
      entry.storeVersion = storeVersion;
      return entry.resolved;
    }
    const builder = new TargetBuilder(caller, { store: this.store, apiHost: this.apiHost }, this.graphs);
    const document = await builder.read(id);
    if (document === undefined) return undefined;
    const resolved = describeStart(document, await builder.build(document));
    this.entries.set(key, { storeVersion, revisions: builder.revisions, resolved });
    return resolved;
  }

  private async holds(entry: Entry): Promise<boolean> {
    for (const [id, rev] of entry.revisions) if ((await this.store.get(id))?._rev !== rev) return false;
    return true;
  }
}

function describeStart(document: ActionDocument, target: Resolved['target']): Resolved {
  const { parameters, annotations } = document;
  const bound = runParameters(parameters);
  const merges = target.type === 'workflow' && target.workflow !== 'sequence' && Object.keys(bound).length > 0;
  const isFinal = isTruthy(valueOf(annotations, 'final'));
  return {
    target,
    parameters: merges ? bound : undefined,
    finalKeys: isFinal ? parameters.filter(({ value }) => value !== null).map(({ key }) => key) : [],
    paradigm: paradigmOf(valueOf(annotations, PARADIGM_ANNOTATION), PARADIGM_ANNOTATION) ?? 'dataflow',
  };
}

function keyOf(caller: Caller, id: string): string {
  return `${caller.namespace} ${id}`;
}
