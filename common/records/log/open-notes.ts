import { ChurnMap } from '../../churn-map.js';
import { JsonText, type Note, type NoteKind, type RecordNotes } from '../record/notes.js';
import { quoted } from '../record/record-codec.js';
import type { Segment } from './segment.js';

/** The segment in which a note was written, and its offset there. */
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
  /** The note is in the log more than once: settling it must then be written too. */
  readonly repeated: boolean;
}

/** The notes of a log that are not settled, in memory, with their positions in the segments. */
export class OpenNotes implements RecordNotes {
  readonly #notes = new ChurnMap<string, OpenNote>();
  /** By segment that is not complete: the offsets of the entries that the next start must read. */
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

  /** The record of an activation is appended, and settles its note. */
  recorded(activationId: string): void {
    if (this.#notes.size > 0) this.#take(`activation${activationId}`);
  }

  /** Writes the open notes of an earlier process again, so that they outlive the old segments. */
  restore(texts: readonly string[], hasRecord: (activationId: string) => boolean): void {
    const left = new Map<string, string>();
    for (const text of texts) {
      const { kind, key, data } = readNote(text);
      if (data === undefined) left.delete(kind + key);
      else if (kind !== 'activation' || !hasRecord(key)) left.set(kind + key, text);
    }
    for (const [name, text] of left) this.#write(name, text, true);
  }

  /** Writes the open notes of a segment again, before it is dropped. True when there were any. */
  moveFrom(segment: Segment): boolean {
    const moved = [...this.#notes.values()].filter(({ place }) => place.segment === segment);
    for (const { name, text } of moved) this.#write(name, text);
    return moved.length > 0;
  }

  /** For a complete segment, whose bytes are all written: the offsets that its index must keep. */
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
