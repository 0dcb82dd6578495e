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
  /** The annotations as JSON, where who made the record has it already. */
  readonly annotationsText?: string;
  /**
   * The trace that it belongs to: the `traceparent` of the request, else the activation id of the outermost activation.
   * Known to the process that has run it; not kept.
   */
  readonly trace?: string;
}

/** What a listing filters by; times in milliseconds since the epoch, inclusive. */
export interface RecordFilter {
  readonly namespace: string;
  /** Simple name, or `package/name` (matched against the `path` annotation). */
  readonly name?: string;
  readonly since?: number;
  readonly upto?: number;
}

/** Where activation records can be looked up. */
export interface RecordReader {
  /** What holds them, for messages: `the host host0`. Default: this process. */
  readonly place?: string;
  get(namespace: string, activationId: string): Promise<ActivationRecord | undefined>;
  /** Newest `start` first. With `brief` the results (`{}`) and logs (none) are left out: enough for a summary. */
  list(filter: RecordFilter, skip: number, limit: number, brief?: boolean): Promise<ActivationRecord[]>;
  /** How many the filter takes, less `skip`, never below 0. */
  count(filter: RecordFilter, skip: number): Promise<number>;
}

/** Where activation records are written. */
export interface RecordWriter {
  /**
   * Queues a record; it is readable through `get` from now on and on disk before `written` calls back. `again`: it
   * replaces the one appended before under its id.
   */
  append(record: ActivationRecord, again?: boolean): void;
  /** Calls back once everything appended so far is written (one write for all who wait in a turn of the loop; what nobody waits for is written a few ms later). */
  written(callback: (error?: Error) => void): void;
  /** True when the bound of the queue or the disk is reached: new invocations are refused with 503. */
  readonly full: boolean;
  /** Small entries beside the records. */
  readonly notes: RecordNotes;
}

/** Where activation records are kept. */
export interface RecordStore extends RecordWriter, RecordReader {
  close(): Promise<void>;
}
