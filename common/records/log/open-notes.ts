import { ChurnMap } from '../../churn-map.js';
import { JsonText, type Note, type NoteKind, type RecordNotes } from '../record/notes.js';
import { quoted } from '../record/record-codec.js';
import type { Segment } from './segment.js';

/** Where a note was written: the segment, and the place in it. */
interface NotePosition {
  readonly segment: Segment;
  readonly offset: number;
}

/** Appends the text of a note to the log. */
export type AppendNote = (text: string) => NotePosition;

interface OpenNote {
  /** Its kind and key. */
  readonly name: string;
  readonly text: string;
  readonly place: NotePosition;
  /** It is in the log more than once: that it is settled must then be said. */
  readonly repeated: boolean;
}

/** The notes of a log that are not settled, in memory, and where they are in the segments. */
export class OpenNotes implements RecordNotes {
  readonly #notes = new ChurnMap<string, OpenNote>();
  /** Of segments that are not complete: where what the next start must know is. */
  readonly #places = new Map<Segment, Set<number>>();

  readonly #append: AppendNote;

  constructor(append: AppendNote) {
    this.#append = append;
  }

  put(kind: NoteKind, key: string, data: unknown): void {
    const json = data instanceof JsonText ? data.text : JSON.stringify(data);
    this.#write(kind + key, `["${kind}",${quoted(key)},${json}]`);
  }

  settle(kind: NoteKind, key: string): void {
    const note = this.#take(kind + key);
    if (note === undefined) return;
    const { segment, offset } = this.#append(JSON.stringify([kind, key]));
    if (note.repeated || segment !== note.place.segment) this.#placesIn(segment).add(offset);
  }

  has(kind: NoteKind, key: string): boolean {
    return this.#notes.get(kind + key) !== undefined;
  }

  open(kind: NoteKind): Note[] {
    const parsed = [...this.#notes.values()].map(({ text }) => readNote(text));
    return parsed.filter((note) => note.kind === kind).map(({ key, data }) => ({ kind, key, data }));
  }

  /** The record of an activation is appended: that says what its note would say. */
  recorded(activationId: string): void {
    if (this.#notes.size > 0) this.#take(`activation${activationId}`);
  }

  /** Puts what an earlier process has left open into the log again, where it is safe from the end of old segments. */
  restore(texts: readonly string[], hasRecord: (activationId: string) => boolean): void {
    const left = new Map<string, string>();
    for (const text of texts) {
      const { kind, key, data } = readNote(text);
      if (data === undefined) left.delete(kind + key);
      else if (kind !== 'activation' || !hasRecord(key)) left.set(kind + key, text);
    }
    for (const [name, text] of left) this.#write(name, text, true);
  }

  /** Puts the open notes of a segment that is to go into the log again. True when there were any. */
  moveFrom(segment: Segment): boolean {
    const moved = [...this.#notes.values()].filter(({ place }) => place.segment === segment);
    for (const { name, text } of moved) this.#write(name, text);
    return moved.length > 0;
  }

  /** A segment is complete, and all that was appended is written: the places that its index has to keep. */
  readonly complete = (segment: Segment): readonly number[] => {
    const places = [...(this.#places.get(segment) ?? [])];
    this.#places.delete(segment);
    return places.length === 0 ? segment.notes : [...segment.notes, ...places].sort((a, b) => a - b);
  };

  #write(name: string, text: string, repeated = false): void {
    const before = this.#take(name);
    const place = this.#append(text);
    this.#placesIn(place.segment).add(place.offset);
    this.#notes.set(name, { name, text, place, repeated: repeated || before !== undefined });
  }

  #take(name: string): OpenNote | undefined {
    const note = this.#notes.get(name);
    if (note === undefined) return undefined;
    this.#notes.delete(name);
    this.#places.get(note.place.segment)?.delete(note.place.offset);
    return note;
  }

  #placesIn(segment: Segment): Set<number> {
    let places = this.#places.get(segment);
    if (places === undefined) {
      places = new Set();
      this.#places.set(segment, places);
    }
    return places;
  }
}

function readNote(text: string): { kind: NoteKind; key: string; data: unknown } {
  const [kind, key, data] = JSON.parse(text) as [NoteKind, string, unknown];
  return { kind, key, data };
}
