import type { RecordNotes } from './notes.js';

/** One activation record, before it becomes OpenWhisk's JSON. */
export interface ActivationRecord {
  /** 32 hex digits. */
  readonly activationId: string;
  /** The invoker's namespace. */
  readonly namespace: string;
  readonly subject: string;
  readonly name: string;
  readonly version: string;
  readonly cause?: string;
  /** Milliseconds since the epoch. */
  readonly start: number;
  readonly end: number;
  /** Milliseconds; of a workflow the sum of its parts. */
  readonly duration: number;
  readonly status: 0 | 1 | 2 | 3;
  /** The result as JSON text; a large or binary one is a `{"$value": {bytes, sha256}}` text. */
  readonly result: string;
  /** Bytes of the raw result. */
  readonly size: number;
  /** Log lines; of a workflow the activation ids of its parts. */
  readonly logs: readonly string[];
  /** OpenWhisk's annotations by key, the data-flow times among them. */
  readonly annotations: Readonly<Record<string, unknown>>;
  /** The annotations as JSON text, where the maker of the record has it already. */
  readonly annotationsText?: string;
  /**
   * The trace of the activation: the `traceparent` of the request, else the activation id of the outermost activation.
   * Only the process that ran the activation knows it; it is not stored.
   */
  readonly trace?: string;
}

/** The filter of a listing; times in milliseconds since the epoch, inclusive. */
export interface RecordFilter {
  readonly namespace: string;
  /** Simple name, or `package/name` (matched against the `path` annotation). */
  readonly name?: string;
  readonly since?: number;
  readonly upto?: number;
}

/** A store from which activation records are read. */
export interface RecordReader {
  /** The store's name in messages, such as `the host host0`. Default: this process. */
  readonly place?: string;
  get(namespace: string, activationId: string): Promise<ActivationRecord | undefined>;
  /** Newest `start` first. With `brief` the results (`{}`) and logs (none) are left out: enough for a summary. */
  list(filter: RecordFilter, skip: number, limit: number, brief?: boolean): Promise<ActivationRecord[]>;
  /** The number of records that match the filter, less `skip`, never below 0. */
  count(filter: RecordFilter, skip: number): Promise<number>;
}

/** A store to which activation records are written. */
export interface RecordWriter {
  /**
   * Queues a record; `get` returns it from now on, and it is on disk before `written` calls back. With `again` it
   * replaces the record appended before under its id.
   */
  append(record: ActivationRecord, again?: boolean): void;
  /**
   * Calls back once everything appended so far is written. All callers in one turn of the loop share one write; a record
   * that no caller waits for is written a few ms later.
   */
  written(callback: (error?: Error) => void): void;
  /** True when the bound of the queue or the disk is reached: new invocations are refused with 503. */
  readonly full: boolean;
  /** Small entries beside the records. */
  readonly notes: RecordNotes;
}

/** A store that keeps activation records. */
export interface RecordStore extends RecordWriter, RecordReader {
  close(): Promise<void>;
}

/** Called with each record before it is written; `again`: it replaces one with its id. Must be fast, and must not throw. */
export type RecordObserver = (record: ActivationRecord, again: boolean) => void;

/** A writer that calls the observers with each record, then writes it to `records`. */
export function withObservers(records: RecordWriter, observers: readonly RecordObserver[]): RecordWriter {
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

/** The annotation that names the host with which an activation was lost, as its gateway told the caller. */
export const LOST_HOST = 'lostHost';

/** True for the record that a gateway wrote when it gave the activation up. */
export function isGivenUp({ annotations }: Pick<ActivationRecord, 'annotations'>): boolean {
  return annotations[LOST_HOST] !== undefined;
}

/**
 * Chooses between two records of one activation, wherever records are read, listed, counted or replicated: the one that
 * agrees with what the caller was told. A gateway that gives an activation up tells its caller so, whatever the host
 * records later. Of two others the first wins; records on hosts come before those in the archive, which are older.
 */
export function authoritative<T extends Pick<ActivationRecord, 'annotations'>>(first: T, second: T): T {
  return isGivenUp(second) && !isGivenUp(first) ? second : first;
}
