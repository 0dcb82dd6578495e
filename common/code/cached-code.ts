import { LRUCache } from 'lru-cache';
import type { ActionCode, CodeSource } from './code-source.js';

const DEFAULT_BYTES = 128 * 1024 * 1024;
/** Memory of an entry beside its code, in bytes. */
const ENTRY_BYTES = 256;

/** Keeps code in memory by revision, which never changes. Concurrent loads of one revision share one look-up. */
export class CachedCode implements CodeSource {
  readonly #cache: LRUCache<string, ActionCode>;
  readonly #loading = new Map<string, Promise<ActionCode>>();

  readonly #source: CodeSource;

  /** `maxBytes`: most bytes of code in memory. Default: 128 MiB. */
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

/** Asks the sources in order until one has the code; rejects with the error of the last one. */
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
