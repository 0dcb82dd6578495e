import { LRUCache } from 'lru-cache';
import type { RecordNotes } from '@dataflower/common/records';
import type { ActivationRecord, RecordFilter, RecordStore } from '@dataflower/common/records';

/** Activations whose record belongs to the gateway that gave them up; more are not remembered. */
const MAX_WITHHELD = 10_000;

/**
 * The records of a host agent, less those of activations that a gateway has given up: it has written their records
 * itself, and an activation has one.
 */
export class WithheldRecords implements RecordStore {
  readonly #withheld = new LRUCache<string, true>({ max: MAX_WITHHELD });

  readonly #store: RecordStore;

  constructor(store: RecordStore) {
    this.#store = store;
  }

  get full(): boolean {
    return this.#store.full;
  }

  /** No record of this activation is written from now on. */
  withhold(activationId: string): void {
    this.#withheld.set(activationId, true);
    this.#store.notes.settle('activation', activationId);
  }

  /** A record that was written already gives way to the gateway's. */
  replace(record: ActivationRecord): void {
    this.#store.append(record, true);
  }

  append(record: ActivationRecord, again?: boolean): void {
    if (!this.#withheld.has(record.activationId)) this.#store.append(record, again);
  }

  written(callback: (error?: Error) => void): void {
    this.#store.written(callback);
  }

  /** Nothing is noted of them either: the next start would complete it with a record. */
  get notes(): RecordNotes {
    const { notes } = this.#store;
    return {
      put: (kind, key, data) => {
        if (kind !== 'activation' || !this.#withheld.has(key)) notes.put(kind, key, data);
      },
      settle: (kind, key) => notes.settle(kind, key),
      has: (kind, key) => notes.has(kind, key),
      open: (kind) => notes.open(kind),
    };
  }

  get(namespace: string, activationId: string): Promise<ActivationRecord | undefined> {
    return this.#store.get(namespace, activationId);
  }

  list(filter: RecordFilter, skip: number, limit: number, brief?: boolean): Promise<ActivationRecord[]> {
    return this.#store.list(filter, skip, limit, brief);
  }

  count(filter: RecordFilter, skip: number): Promise<number> {
    return this.#store.count(filter, skip);
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
