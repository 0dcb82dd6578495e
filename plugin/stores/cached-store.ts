import { LRUCache } from 'lru-cache';
import type { Attachment, EntityStore, ListQuery, StoredDocument } from './entity-store.js';

const DEFAULT_CACHE_BYTES = 64 * 1024 * 1024;

/**
 * A store with the documents last read in memory, so that an invocation does not touch the disk. It must be the only
 * writer of the store behind it.
 */
export class CachedStore implements EntityStore {
  private readonly cache: LRUCache<string, StoredDocument>;
  /** A read that a write overtakes must not be cached: the write takes it out of here. */
  private readonly loading = new Map<string, Promise<StoredDocument | undefined>>();
  private writes = 0;

  constructor(
    private readonly store: EntityStore,
    maxBytes = DEFAULT_CACHE_BYTES,
  ) {
    this.cache = new LRUCache({
      maxSize: maxBytes,
      sizeCalculation: (document) => JSON.stringify(document).length + 64,
    });
  }

  /** Grows with every write: what was derived from documents holds as long as it stays the same. */
  get version(): number {
    return this.writes;
  }

  /** From memory when it is there, without a promise. */
  peek(id: string): StoredDocument | undefined {
    return this.cache.get(id);
  }

  get(id: string): Promise<StoredDocument | undefined> {
    const cached = this.cache.get(id);
    return cached === undefined ? this.load(id) : Promise.resolve(cached);
  }

  put(document: StoredDocument, attachment?: Attachment | 'keep'): Promise<string> {
    return this.write(document._id, () => this.store.put(document, attachment));
  }

  delete(id: string, rev: string): Promise<void> {
    return this.write(id, () => this.store.delete(id, rev));
  }

  list(query: ListQuery): Promise<StoredDocument[]> {
    return this.store.list(query);
  }

  count(query: Omit<ListQuery, 'limit'>): Promise<number> {
    return this.store.count(query);
  }

  attachment(id: string, rev: string, name: string): Promise<Buffer | undefined> {
    return this.store.attachment(id, rev, name);
  }

  close(): Promise<void> {
    this.cache.clear();
    return this.store.close();
  }

  private load(id: string): Promise<StoredDocument | undefined> {
    const running = this.loading.get(id);
    if (running !== undefined) return running;
    const reading: Promise<StoredDocument | undefined> = this.store.get(id).then(
      (document) => {
        if (this.loading.get(id) === reading) {
          this.loading.delete(id);
          if (document !== undefined) this.cache.set(id, document);
        }
        return document;
      },
      (cause: unknown) => {
        if (this.loading.get(id) === reading) this.loading.delete(id);
        throw cause;
      },
    );
    this.loading.set(id, reading);
    return reading;
  }

  private async write<T>(id: string, operation: () => Promise<T>): Promise<T> {
    try {
      return await operation();
    } finally {
      this.loading.delete(id);
      this.cache.delete(id);
      this.writes++;
    }
  }
}
