import { JsonText, type Note, type NoteKind, type RecordNotes } from './notes.js';

/** Notes in memory, for a store whose records are there as well. */
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
