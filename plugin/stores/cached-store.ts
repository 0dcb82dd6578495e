import { LRUCache } from 'lru-cache';
import {
  type Attachment,
  charsOf,
  type EntityStore,
  type ListQuery,
  type Release,
  type StoredDocument,
  StoreUnavailableError,
} from './entity-store.js';

const DEFAULT_CACHE_BYTES = 64 * 1024 * 1024;
/** Estimated overhead of a cache entry. */
const ENTRY_BYTES = 64;
const KNOWN_GENERATIONS = 10_000;

/**
 * Caches the documents last read in memory, so that an invocation needs no disk and no other process. Either it is the only
 * writer of the store behind it, or that store reports changes: then a cached document is as old as the last report, and
 * stays in use while the store cannot be reached.
 */
export class CachedStore implements EntityStore {
  readonly #cache: LRUCache<string, StoredDocument>;
  /** Reads in progress. A write removes its document here, so that the older read is not cached. */
  readonly #loading = new Map<string, Promise<StoredDocument | undefined>>();
  /** Generation of the last reported change of a document: a read that another node answered may be older. */
  readonly #generations = new LRUCache<string, number>({ max: KNOWN_GENERATIONS });
  readonly #watched: boolean;
  #writes = 0;

  readonly #store: EntityStore;

  constructor(store: EntityStore, maxBytes = DEFAULT_CACHE_BYTES) {
    this.#store = store;

    this.#cache = new LRUCache({
      maxSize: maxBytes,
      sizeCalculation: (document) => charsOf(document) + ENTRY_BYTES,
    });
    this.#watched = store.watch !== undefined;
    store.watch?.({ changed: (id, rev) => this.#changed(id, rev), reset: () => this.#reset() });
  }

  /** Grows with every write. Values derived from documents are valid while it stays the same. */
  get version(): number {
    return this.#writes;
  }

  /** The cached document, if there is one. */
  peek(id: string): StoredDocument | undefined {
    return this.#cache.get(id);
  }

  get(id: string): Promise<StoredDocument | undefined> {
    const cached = this.#cache.get(id);
    return cached === undefined ? this.#load(id) : Promise.resolve(cached);
  }

  put(document: StoredDocument, attachment?: Attachment | 'keep'): Promise<string> {
    return this.#write(document._id, () => this.#store.put(document, attachment));
  }

  delete(id: string, rev: string): Promise<void> {
    return this.#write(id, () => this.#store.delete(id, rev));
  }

  list(query: ListQuery): Promise<StoredDocument[]> {
    return this.#store.list(query);
  }

  /** Bypasses the cache: a listing must not evict the documents that invocations use. */
  each(query: ListQuery): AsyncIterable<StoredDocument> {
    return this.#store.each(query);
  }

  count(query: Omit<ListQuery, 'limit'>): Promise<number> {
    return this.#store.count(query);
  }

  async attachment(id: string, rev: string, name: string): Promise<Buffer | undefined> {
    const data = await this.#store.attachment(id, rev, name);
    if (data === undefined) this.#forgetOld(id, rev);
    return data;
  }

  hold(id: string, rev: string, name: string): Release | undefined | Promise<Release | undefined> {
    const held = this.#store.hold(id, rev, name);
    const known = (release: Release | undefined): Release | undefined => {
      if (release === undefined) this.#forgetOld(id, rev);
      return release;
    };
    return held instanceof Promise ? held.then(known) : known(held);
  }

  health(): string | undefined {
    return this.#store.health();
  }

  close(): Promise<void> {
    this.#cache.clear();
    return this.#store.close();
  }

  #load(id: string): Promise<StoredDocument | undefined> {
    const running = this.#loading.get(id);
    if (running !== undefined) return running;
    const reading: Promise<StoredDocument | undefined> = this.#store.get(id).then(
      (document) => {
        if (this.#loading.get(id) === reading) {
          this.#loading.delete(id);
          if (document !== undefined && !this.#isOld(document)) this.#cache.set(id, document);
        }
        return document;
      },
      (cause: unknown) => {
        if (this.#loading.get(id) === reading) this.#loading.delete(id);
        throw cause;
      },
    );
    this.#loading.set(id, reading);
    return reading;
  }

  #isOld({ _id: id, _rev: rev }: StoredDocument): boolean {
    return generationOf(rev) < (this.#generations.get(id) ?? 0);
  }

  /**
   * When the outcome of a write is unknown and the store reports changes, the cached document stays: a store that cannot
   * be written must not stop invocations.
   */
  async #write<T>(id: string, operation: () => Promise<T>): Promise<T> {
    let unknown = false;
    try {
      return await operation();
    } catch (cause) {
      unknown = this.#watched && cause instanceof StoreUnavailableError;
      throw cause;
    } finally {
      if (!unknown) this.#forget(id);
    }
  }

  /** The store has no such revision any more: the cached one is older than the last report. */
  #forgetOld(id: string, rev: string): void {
    if (this.#cache.peek(id)?._rev === rev) this.#forget(id);
  }

  #changed(id: string, rev: string): void {
    this.#generations.set(id, generationOf(rev));
    if (this.#cache.peek(id)?._rev !== rev) this.#forget(id);
  }

  #forget(id: string): void {
    this.#loading.delete(id);
    this.#cache.delete(id);
    this.#writes++;
  }

  #reset(): void {
    this.#loading.clear();
    this.#cache.clear();
    this.#generations.clear();
    this.#writes++;
  }
}

/** The leading number of a CouchDB revision, which grows with every write of a document. */
function generationOf(rev: string | undefined): number {
  return Number.parseInt(rev ?? '0', 10) || 0;
}
