import { LRUCache } from 'lru-cache';
import type { ActionCode, CodeSource } from './code-source.js';

const DEFAULT_BYTES = 128 * 1024 * 1024;
/** What an entry takes beside its code. */
const ENTRY_BYTES = 256;

/** Code in memory by revision, which never changes: one look-up for each, however many ask at once. */
export class CachedCode implements CodeSource {
  readonly #cache: LRUCache<string, ActionCode>;
  readonly #loading = new Map<string, Promise<ActionCode>>();

  readonly #source: CodeSource;

  /** `maxBytes`: of code in memory. Default 128 MiB. */
  constructor(source: CodeSource, maxBytes = DEFAULT_BYTES) {
    this.#source = source;

    this.#cache = new LRUCache({ maxSize: maxBytes, sizeCalculation: ({ code }) => code.length + ENTRY_BYTES });
  }

  load(documentId: string, revision: string): Promise<ActionCode> {
    const key = `${documentId}@${revision}`;
    const known = this.#cache.get(key);
    if (known !== undefined) return Promise.resolve(known);
    let loading = this.#loading.get(key);
    if (loading === undefined) {
      loading = this.#load(key, documentId, revision);
      this.#loading.set(key, loading);
    }
    return loading;
  }

  async #load(key: string, documentId: string, revision: string): Promise<ActionCode> {
    try {
      const code = await this.#source.load(documentId, revision);
      this.#cache.set(key, code);
      return code;
    } finally {
      this.#loading.delete(key);
    }
  }
}

/** Asks the sources in turn until one has it; fails with what the last one says. */
export function firstOf(...sources: readonly [CodeSource, ...CodeSource[]]): CodeSource {
  return {
    async load(documentId, revision) {
      let failure: unknown;
      for (const source of sources) {
        try {
          return await source.load(documentId, revision);
        } catch (error) {
          failure = error;
        }
      }
      throw failure;
    },
  };
}
