import type { ActivationRecord, RecordWriter } from './record.js';

/** Hears of a record as it is written; `again`: one with its id was written before. Must not throw, and be quick: it is on the path. */
export type RecordObserver = (record: ActivationRecord, again: boolean) => void;

/** What is written to `records`, told to others first. */
export function observedRecords(records: RecordWriter, observers: readonly RecordObserver[]): RecordWriter {
  return {
    append(record, again = false) {
      for (let i = 0; i < observers.length; i++) observers[i]!(record, again);
      records.append(record, again);
    },
    written: (callback) => records.written(callback),
    notes: records.notes,
    get full() {
      return records.full;
    },
  };
}
