import { CachedCode, type CodeSource, type FunctionTarget, type WorkflowTarget } from '@dataflower/invoker-shim';
import { LRUCache } from 'lru-cache';
import type { ActionDocument } from '../api/action-document.js';
import { isTruthy, valueOf } from '../api/parameters.js';
import { PARADIGM_ANNOTATION, paradigmOf } from '../api/workflow-kind.js';
import type { Caller } from '../auth/identity.js';
import type { CachedStore } from '../stores/cached-store.js';
import { Graphs } from './graphs.js';
import { StoreCode } from './store-code.js';
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

type Found = Resolved | undefined;

interface Entry {
  /** Of the store, when the entry was last known to hold. */
  storeVersion: number;
  readonly revisions: ReadonlyMap<string, string | undefined>;
  readonly resolved: Resolved;
}

/** What the kept targets were made of, as JSON. */
const KEPT_BYTES = 64 * 1024 * 1024;

/** From action documents to what a host can start. Targets are kept while the documents they were made of stay the same. */
export class TargetResolver {
  private readonly entries = new LRUCache<string, Entry>({ maxSize: KEPT_BYTES });
  /** What is being looked up, each with the store's version at its beginning: many calls that come at once look once. */
  private readonly running = new Map<string, { readonly storeVersion: number; readonly found: Promise<Found> }>();
  private readonly graphs = new Graphs();
  private readonly codes: CodeSource;

  constructor(
    private readonly store: CachedStore,
    private readonly apiHost: () => string,
    private readonly allowedImages: readonly string[] = [],
  ) {
    this.codes = new CachedCode(new StoreCode(store));
  }

  /** What is known to hold without looking; the path of nearly every invocation. */
  peek(caller: Caller, id: string): Resolved | undefined {
    const entry = this.entries.get(keyOf(caller, id));
    return entry?.storeVersion === this.store.version ? entry.resolved : undefined;
  }

  /** Undefined: there is no such action. Throws `ApiError` for one that cannot run. */
  resolve(caller: Caller, id: string): Promise<Found> {
    const storeVersion = this.store.version;
    const key = keyOf(caller, id);
    const running = this.running.get(key);
    if (running?.storeVersion === storeVersion) return running.found;
    const found = this.lookUp(caller, id, key, storeVersion).finally(() => {
      if (this.running.get(key)?.found === found) this.running.delete(key);
    });
    this.running.set(key, { storeVersion, found });
    return found;
  }

  private async lookUp(caller: Caller, id: string, key: string, storeVersion: number): Promise<Found> {
    const entry = this.entries.get(key);
    if (entry !== undefined && (await this.holds(entry))) {
      entry.storeVersion = storeVersion;
      return entry.resolved;
    }
    const { store, codes, apiHost, allowedImages } = this;
    const builder = new TargetBuilder(caller, { store, codes, apiHost, allowedImages }, this.graphs);
    const document = await builder.read(id);
    if (document === undefined) return undefined;
    const resolved = describeStart(document, await builder.build(document));
    this.entries.set(key, { storeVersion, revisions: builder.revisions, resolved }, { size: builder.bytes });
    return resolved;
  }

  private async holds(entry: Entry): Promise<boolean> {
    for (const [id, rev] of entry.revisions) if ((await this.store.get(id))?._rev !== rev) return false;
    return true;
  }
}

function describeStart(document: ActionDocument, target: Resolved['target']): Resolved {
  const { parameters, annotations } = document;
  const isFinal = isTruthy(valueOf(annotations, 'final'));
  return {
    target,
    parameters: target.type === 'workflow' ? target.parameters : undefined,
    finalKeys: isFinal ? parameters.filter(({ value }) => value !== null).map(({ key }) => key) : [],
    paradigm: paradigmOf(valueOf(annotations, PARADIGM_ANNOTATION), PARADIGM_ANNOTATION) ?? 'dataflow',
  };
}

function keyOf(caller: Caller, id: string): string {
  return `${caller.namespace} ${id}`;
}
