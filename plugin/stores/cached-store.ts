import { LRUCache } from 'lru-cache';
import {
  type Attachment,
  type EntityStore,
  type ListQuery,
  type Release,
  type StoredDocument,
  StoreUnavailableError,
} from './entity-store.js';

const DEFAULT_CACHE_BYTES = 64 * 1024 * 1024;
const KNOWN_GENERATIONS = 10_000;

/**
 * A store with the documents last read in memory, so that an invocation neither touches the disk nor leaves the process.
 * It must be the only writer of the store behind it, or that store tells of the changes: then a document in memory is
 * as old as the news are, and stays in use while the store cannot be reached.
 */
export class CachedStore implements EntityStore {
  readonly #cache: LRUCache<string, StoredDocument>;
  /** A read that a write overtakes must not be cached: the write takes it out of here. */
  readonly #loading = new Map<string, Promise<StoredDocument | undefined>>();
  /** Of the changes last heard of: a read that another node of the store answered may be older. */
  readonly #generations = new LRUCache<string, number>({ max: KNOWN_GENERATIONS });
  readonly #watched: boolean;
  #writes = 0;

  readonly #store: EntityStore;

  constructor(store: EntityStore, maxBytes = DEFAULT_CACHE_BYTES) {
    this.#store = store;

    this.#cache = new LRUCache({
      maxSize: maxBytes,
      sizeCalculation: (document) => JSON.stringify(document).length + 64,
    });
    this.#watched = store.watch !== undefined;
    store.watch?.({ changed: (id, rev) => this.#changed(id, rev), reset: () => this.#reset() });
  }

  /** Grows with every write: what was derived from documents holds as long as it stays the same. */
  get version(): number {
    return this.#writes;
  }

  /** From memory when it is there, without a promise. */
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

  /** Past the memory: a listing must not push out what invocations use. */
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
   * After a write that may or may not have been carried out, what is in memory stays when the store will tell: that
   * nobody can write an action now does not stop its invocations.
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

  /** The store has no such revision any more: what is in memory of it is older than the news. */
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

/** The number that CouchDB's revisions begin with; it grows with every write of a document. */
function generationOf(rev: string | undefined): number {
  return Number.parseInt(rev ?? '0', 10) || 0;
}
