/**
 * What a note is of:
 *
 * - `activation`: it is accepted (key: its id), and has no record yet. Settled by the record that is appended.
 * - `given-up`: a gateway has given it up with its host (key: its id), and the host has not been told. Holds the record.
 */
export type NoteKind = 'activation' | 'given-up';

/** Data of a note that is JSON already. */
export class JsonText {
  constructor(readonly text: string) {}
}

/** A small entry of the log that is not settled. */
export interface Note {
  readonly kind: NoteKind;
  readonly key: string;
  /** As it was put: JSON. */
  readonly data: unknown;
}

/**
 * Small entries between the records of a log, for what must outlive the process: whatever is put and not settled is
 * there at the next start, however old its segment. Nothing of them is listed or carried.
 */
export interface RecordNotes {
  /**
   * Queues an entry; it is in the file before `written` of the log calls back. It replaces the one of its kind and key.
   * `data`: what can be JSON, or a `JsonText`.
   */
  put(kind: NoteKind, key: string, data: unknown): void;
  /** It is done with. Written with what comes next; a crash before that leaves it open. */
  settle(kind: NoteKind, key: string): void;
  has(kind: NoteKind, key: string): boolean;
  /** Those that are not settled, of earlier processes too, in no particular order. */
  open(kind: NoteKind): Note[];
}
