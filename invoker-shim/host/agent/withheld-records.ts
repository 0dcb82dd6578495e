import { LRUCache } from 'lru-cache';
import type { RecordNotes } from '@dataflower/common/records';
import type { ActivationRecord, RecordFilter, RecordStore } from '@dataflower/common/records';

/** Most activations that are remembered because a gateway has given them up. */
const MAX_WITHHELD = 10_000;

/**
 * The records of a host agent, without those of activations that a gateway has given up: the gateway has written their
 * records, and an activation has one record.
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

  /** Replaces a record that was written here by the gateway's. */
  replace(record: ActivationRecord): void {
    this.#store.append(record, true);
  }

  append(record: ActivationRecord, again?: boolean): void {
    if (!this.#withheld.has(record.activationId)) this.#store.append(record, again);
  }

  written(callback: (error?: Error) => void): void {
    this.#store.written(callback);
  }

  /** Withheld activations have no notes either: the next start would write a record for them. */
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
