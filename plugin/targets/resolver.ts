import { LRUCache } from 'lru-cache';
import { CachedCode, type CodeSource } from '@dataflower/common/code';
import { ApiError, inOtherCollection, noSuchEntity } from '@dataflower/common/http';
import type { FunctionTarget, WorkflowTarget } from '@dataflower/invoker-shim';
import { codeGone, isCodeGone } from '../entities/action/code.js';
import type { ActionDocument } from '../entities/action/document.js';
import { whyNotHere } from '../entities/names.js';
import { isTruthy, valueOf } from '../entities/parameters.js';
import type { Caller } from '../auth/identity.js';
import type { CachedStore } from '../stores/cached-store.js';
import type { Release } from '../stores/entity-store.js';
import { PARADIGM_ANNOTATION, paradigmOf } from '../workflows/annotations.js';
import { CompiledWorkflows } from '../workflows/compiled-workflows.js';
import type { WorkflowCompiler } from '../workflows/workflow-compiler.js';
import { TargetBuilder } from './target-builder.js';
import { StoreCode, TargetCodes } from './target-codes.js';

/** An action that can be started, for one caller. */
export interface Resolved {
  readonly target: FunctionTarget | WorkflowTarget;
  /** Completes the payload of a composition or a graph (OW-41, DV-9); functions do this themselves. */
  readonly parameters: Readonly<Record<string, unknown>> | undefined;
  /** Members that a payload must not have (OW-42). */
  readonly finalKeys: readonly string[];
  readonly paradigm: 'dataflow' | 'controlflow';
  readonly codes: TargetCodes;
}

/** A target for one activation. Its code stays readable until `release`, even if its actions are changed or deleted. */
export interface Startable {
  readonly resolved: Resolved;
  /** To be called when the activation has ended, or is not started. */
  readonly release: Release;
}

export interface ResolverOptions {
  readonly store: CachedStore;
  readonly compiler: WorkflowCompiler;
  /** Address of the API with scheme, for the actions. */
  readonly apiHost: () => string;
  /** Images that actions may name (`containers.images.allowed`). */
  readonly allowedImages: readonly string[];
  /** Different actions that one workflow may name (`limits.workflowActions`). */
  readonly maxActions: number;
}

interface Entry {
  /** Version of the store when the entry was last checked. */
  storeVersion: number;
  readonly revisions: ReadonlyMap<string, string | undefined>;
  /** An error when these revisions cannot run. */
  readonly outcome: Resolved | ApiError;
}

/** Limit of the cached targets, in characters of the documents that they were built from; also of one target. */
const KEPT_BYTES = 64 * 1024 * 1024;
/** Estimated size of a cached error, for each document that was read. */
const REFUSED_BYTES = 1024;
/** Attempts to resolve an action that is being written. */
const MAX_LOOKUPS = 20;

/** Builds the targets of actions. A target is cached while the revisions of all its documents stay the same. */
export class TargetResolver {
  readonly #entries = new LRUCache<string, Entry>({ maxSize: KEPT_BYTES });
  /** Lookups in progress, with the store's version at their beginning: concurrent calls share one. */
  readonly #running = new Map<string, { readonly storeVersion: number; readonly found: Promise<Resolved> }>();
  readonly #workflows: CompiledWorkflows;
  readonly #stored: StoreCode;
  readonly #codes: CodeSource;

  readonly #options: ResolverOptions;

  constructor(options: ResolverOptions) {
    this.#options = options;

    this.#stored = new StoreCode(options.store);
    this.#codes = new CachedCode(this.#stored);
    this.#workflows = new CompiledWorkflows(options.compiler);
  }

  /**
   * The cached target, on the path of nearly every invocation. Undefined when `resolve` has to read documents or code.
   * Throws like `resolve`.
   */
  peek(caller: Caller, id: string): Startable | undefined {
    const entry = this.#entries.get(keyOf(caller, id));
    if (entry?.storeVersion !== this.#options.store.version) return undefined;
    const { outcome: resolved } = entry;
    if (resolved instanceof ApiError) throw resolved;
    const release = resolved.codes.hold();
    if (typeof release === 'function') return { resolved, release };
    release?.then(
      (unused) => unused?.(),
      () => undefined,
    );
    return undefined;
  }

  /**
   * `id` is `namespace/name`, or `namespace/package/name`, which is always missing. Throws `ApiError` for an action that is
   * missing or cannot run, and the errors of the store.
   */
  async resolve(caller: Caller, id: string): Promise<Startable> {
    for (let lookups = 1; ; lookups++) {
      try {
        const resolved = await this.#find(caller, id);
        const release = await resolved.codes.hold();
        if (release !== undefined) return { resolved, release };
        if (lookups >= MAX_LOOKUPS) throw codeGone();
      } catch (error) {
        if (!isCodeGone(error) || lookups >= MAX_LOOKUPS) throw error;
      }
    }
  }

  /** Resolves the present revisions, once for all concurrent calls. */
  #find(caller: Caller, id: string): Promise<Resolved> {
    const storeVersion = this.#options.store.version;
    const key = keyOf(caller, id);
    const running = this.#running.get(key);
    if (running?.storeVersion === storeVersion) return running.found;
    const found = this.#lookUp(caller, id, key, storeVersion).finally(() => {
      if (this.#running.get(key)?.found === found) this.#running.delete(key);
    });
    this.#running.set(key, { storeVersion, found });
    return found;
  }

  async #lookUp(caller: Caller, id: string, key: string, storeVersion: number): Promise<Resolved> {
    const entry = this.#entries.get(key);
    if (entry !== undefined && (await this.#holds(entry))) {
      entry.storeVersion = storeVersion;
      if (entry.outcome instanceof ApiError) throw entry.outcome;
      return entry.outcome;
    }
    const codes = this.#codes;
    const { store, apiHost, allowedImages, maxActions } = this.#options;
    const bounds = { maxActions, maxChars: KEPT_BYTES };
    const builder = new TargetBuilder(caller, { store, codes, apiHost, allowedImages }, this.#workflows, bounds);
    const [namespace, name, ...inPackage] = id.split('/');
    if (inPackage.length > 0) throw await whyNotHere(`${namespace}/${name}`, store);
    const document = await builder.read(id);
    if (document === undefined) throw builder.revisions.get(id) === undefined ? noSuchEntity() : inOtherCollection();
    const keep = (outcome: Resolved | ApiError, size: number): void => {
      this.#entries.set(key, { storeVersion, revisions: builder.revisions, outcome }, { size });
    };
    try {
      const target = await builder.build(document);
      const codes = new TargetCodes(builder.codes, (code) => this.#stored.hold(code));
      const resolved: Resolved = { ...describeStart(document, target), codes };
      keep(resolved, Math.min(builder.bytes, KEPT_BYTES));
      return resolved;
    } catch (error) {
      // Other errors are temporary: code that was being written, an overloaded server.
      if (error instanceof ApiError && error.status === 400) keep(error, REFUSED_BYTES * builder.revisions.size);
      throw error;
    }
  }

  async #holds(entry: Entry): Promise<boolean> {
    for (const [id, rev] of entry.revisions) if ((await this.#options.store.get(id))?._rev !== rev) return false;
    return true;
  }
}

function describeStart(document: ActionDocument, target: Resolved['target']): Omit<Resolved, 'codes'> {
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
