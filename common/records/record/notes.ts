/**
 * - `activation`: an activation (key: its id) was accepted and has no record yet. Its record settles the note.
 * - `given-up`: a gateway gave an activation (key: its id) up together with its host, and the host does not know. Holds
 *   the record.
 */
export type NoteKind = 'activation' | 'given-up';

/** Data of a note that is JSON text already. */
export class JsonText {
  constructor(readonly text: string) {}
}

/** A small entry of the log that is not settled. */
export interface Note {
  readonly kind: NoteKind;
  readonly key: string;
  /** The JSON that was put. */
  readonly data: unknown;
}

/**
 * Small entries between the records of a log, for state that must outlive the process: a note that is put and not settled
 * is there at the next start, however old its segment. Notes are neither listed nor replicated.
 */
export interface RecordNotes {
  /**
   * Queues an entry; it is in the file before `written` of the log calls back. It replaces the note of its kind and key.
   * `data`: any JSON value, or a `JsonText`.
   */
  put(kind: NoteKind, key: string, data: unknown): void;
  /** Ends the note. Written with the next write; a crash before that leaves the note open. */
  settle(kind: NoteKind, key: string): void;
  has(kind: NoteKind, key: string): boolean;
  /** The notes that are not settled, of earlier processes too, in no particular order. */
  open(kind: NoteKind): Note[];
}

/** Notes in memory, for a store that keeps its records there too. */
export class MemoryNotes implements RecordNotes {
  readonly #notes = new Map<string, Note>();

  put(kind: NoteKind, key: string, data: unknown): void {
    const kept: unknown = data instanceof JsonText ? JSON.parse(data.text) : data;
    this.#notes.set(kind + key, { kind, key, data: kept });
  }

  settle(kind: NoteKind, key: string): void {
    this.#notes.delete(kind + key);
  }

  has(kind: NoteKind, key: string): boolean {
    return this.#notes.has(kind + key);
  }

  open(kind: NoteKind): Note[] {
    return [...this.#notes.values()].filter((note) => note.kind === kind);
  }
}
