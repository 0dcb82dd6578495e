import { MemoryNotes } from '../record/notes.js';
import type { ActivationRecord, RecordStore } from '../record/record.js';

/** Records in the order of their coming; `written` calls back at once. */
export class MemoryRecords implements RecordStore {
  readonly appended: ActivationRecord[] = [];
  readonly full = false;
  readonly notes = new MemoryNotes();

  append(record: ActivationRecord): void {
    this.appended.push(record);
    this.notes.settle('activation', record.activationId);
  }

  written(callback: () => void): void {
    callback();
  }

  /** The last record of an activation. */
  last(activationId: string): ActivationRecord | undefined {
    return this.appended.findLast((record) => record.activationId === activationId);
  }

  /** The last records of all activations with this name, in the order of their coming. */
  named(name: string): ActivationRecord[] {
    const ids = new Set(this.appended.filter((record) => record.name === name).map(({ activationId }) => activationId));
    return [...ids].map((id) => this.last(id)!);
  }

  get(_namespace: string, activationId: string): Promise<ActivationRecord | undefined> {
    return Promise.resolve(this.last(activationId));
  }
  list(): Promise<ActivationRecord[]> {
    return Promise.resolve([]);
  }
  count(): Promise<number> {
    return Promise.resolve(0);
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}
