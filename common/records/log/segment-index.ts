import { RecordLogError } from '../record/errors.js';

/** Four 32-bit words of an activation id; `parseId` leaves them in `idWords`. */
export const idWords = new Uint32Array(4);

/** @throws RecordLogError BAD_ACTIVATION_ID when the text is not 32 lower-case hex digits. */
export function parseId(id: string): void {
  if (!tryParseId(id)) {
    throw new RecordLogError('BAD_ACTIVATION_ID', `an activation id must be 32 hex digits, not ${JSON.stringify(id)}`);
  }
}
export function tryParseId(id: string): boolean {
  if (id.length !== 32) return false;
  for (let word = 0, at = 0; word < 4; word++) {
    let bits = 0;
    for (const end = at + 8; at < end; at++) {
      const code = id.charCodeAt(at);
      if (code >= 48 && code <= 57) bits = (bits << 4) | (code - 48);
      else if (code >= 97 && code <= 102) bits = (bits << 4) | (code - 87);
      else return false;
    }
    idWords[word] = bits;
  }
  return true;
}

/** A bit of the row's namespace: the record was appended again under its id, and no listing shows this row. */
const SUPERSEDED = 0x80000000;

/**
 * The index of the records of one segment: typed arrays (40 bytes a record) and a hash table over the ids (about 8 more),
 * no object per record. Rows are in the order of appending.
 */
export class SegmentIndex {
  count = 0;
  ids = new Uint32Array(0);
  offsets = new Uint32Array(0);
  lengths = new Uint32Array(0);
  starts = new Float64Array(0);
  namespaces = new Uint32Array(0);
  names = new Uint32Array(0);
  minStart = Infinity;
  maxStart = -Infinity;
  /** Two sums of each frame, for a segment whose frames have no seals; undefined: the sums are in the file. */
  sums: Uint32Array | undefined = undefined;
  /** Namespaces and listed names, by number. */
  strings: string[] = [];
  readonly #numbers = new Map<string, number>();
  /** Open addressing: row + 1, or 0. A power of two, at least a third larger than `count`. */
  #slots = new Uint32Array(0);

  /** Adds a row for the id in `idWords`. */
  add(offset: number, length: number, start: number, namespace: string, name: string): void {
    const row = this.count;
    if (row === this.offsets.length) this.#resize(Math.max(64, row * 2));
    if ((row + 1) * 4 > this.#slots.length * 3) this.#rehash(Math.max(128, this.#slots.length * 2));
    const word = row * 4;
    this.ids[word] = idWords[0]!;
    this.ids[word + 1] = idWords[1]!;
    this.ids[word + 2] = idWords[2]!;
    this.ids[word + 3] = idWords[3]!;
    this.offsets[row] = offset;
    this.lengths[row] = length;
    this.starts[row] = start;
    if (start < this.minStart) this.minStart = start;
    if (start > this.maxStart) this.maxStart = start;
    this.namespaces[row] = this.#intern(namespace);
    this.names[row] = this.#intern(name);
    this.count = row + 1;
    const slot = this.#slotOf(row);
    const older = this.#slots[slot]! - 1;
    if (older >= 0) this.supersede(older);
    this.#slots[slot] = row + 1;
  }

  /** The latest row with the id in `idWords`; -1 when there is none. */
  find(): number {
    const mask = this.#slots.length - 1;
    if (mask < 0) return -1;
    for (let slot = hash(idWords, 0) & mask; ; slot = (slot + 1) & mask) {
      const row = this.#slots[slot]! - 1;
      if (row < 0 || this.#sameId(row, idWords, 0)) return row;
    }
  }

  /** The same, but -1 for a row that is struck. */
  findWhole(): number {
    const row = this.find();
    return row >= 0 && this.isStruck(row) ? -1 : row;
  }

  /** The record of this row was appended again: listings skip the row. */
  supersede(row: number): void {
    this.namespaces[row] = (this.namespaces[row]! | SUPERSEDED) >>> 0;
  }

  /** The number of the row's namespace. */
  namespaceOf(row: number): number {
    return (this.namespaces[row]! & ~SUPERSEDED) >>> 0;
  }

  isSuperseded(row: number): boolean {
    return this.namespaces[row]! >= SUPERSEDED;
  }

  /** The record that superseded this row is gone: listings show the row again. */
  reinstate(row: number): void {
    this.namespaces[row] = this.namespaces[row]! & ~SUPERSEDED;
  }

  /** The record of this row is damaged: readers skip it. */
  strike(row: number): void {
    this.lengths[row] = 0;
    this.supersede(row);
  }

  isStruck(row: number): boolean {
    return this.lengths[row] === 0;
  }

  idOf(row: number): string {
    const words = this.ids.subarray(row * 4, row * 4 + 4);
    return Array.from(words, (word) => word.toString(16).padStart(8, '0')).join('');
  }

  /** Puts the id of a row into `idWords`. */
  loadId(row: number): void {
    idWords.set(this.ids.subarray(row * 4, row * 4 + 4));
  }

  /** The number of a namespace or listed name; undefined when no record of the segment has it. */
  numberOf(text: string): number | undefined {
    return this.#numbers.get(text);
  }

  /** Releases the memory that was allocated ahead. */
  trim(): void {
    if (this.offsets.length > this.count) this.#resize(this.count);
  }

  /** Fills an empty index with columns that were saved. */
  restore(columns: Pick<SegmentIndex, 'count' | 'strings' | 'sums' | ColumnName>): void {
    Object.assign(this, columns);
    this.strings.forEach((text, number) => this.#numbers.set(text, number));
    for (const start of this.starts) {
      if (start < this.minStart) this.minStart = start;
      if (start > this.maxStart) this.maxStart = start;
    }
    let slots = 128;
    while (this.count * 4 > slots * 3) slots *= 2;
    this.#rehash(slots);
  }

  get bytes(): number {
    return this.offsets.length * 40 + this.#slots.length * 4 + (this.sums?.byteLength ?? 0);
  }

  #intern(text: string): number {
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.strings.push(text) - 1;
      this.#numbers.set(text, number);
    }
    return number;
  }

  /** The slot of a row: an empty one, or that of an older row with the same id. */
  #slotOf(row: number): number {
    const mask = this.#slots.length - 1;
    let slot = hash(this.ids, row * 4) & mask;
    while (this.#slots[slot] !== 0 && !this.#sameId(this.#slots[slot]! - 1, this.ids, row * 4))
      slot = (slot + 1) & mask;
    return slot;
  }

  #sameId(row: number, words: Uint32Array, at: number): boolean {
    const { ids } = this;
    const own = row * 4;
    return (
      ids[own] === words[at] &&
      ids[own + 1] === words[at + 1] &&
      ids[own + 2] === words[at + 2] &&
      ids[own + 3] === words[at + 3]
    );
  }

  #rehash(size: number): void {
    this.#slots = new Uint32Array(size);
    for (let row = 0; row < this.count; row++) this.#slots[this.#slotOf(row)] = row + 1;
  }

  #resize(capacity: number): void {
    this.ids = resized(this.ids, new Uint32Array(capacity * 4));
    this.offsets = resized(this.offsets, new Uint32Array(capacity));
    this.lengths = resized(this.lengths, new Uint32Array(capacity));
    this.starts = resized(this.starts, new Float64Array(capacity));
    this.namespaces = resized(this.namespaces, new Uint32Array(capacity));
    this.names = resized(this.names, new Uint32Array(capacity));
  }
}

/** The columns that a sidecar file keeps. */
export type ColumnName = 'ids' | 'offsets' | 'lengths' | 'starts' | 'namespaces' | 'names';

function resized<T extends Uint32Array | Float64Array>(from: T, to: T): T {
  to.set(from.length > to.length ? from.subarray(0, to.length) : from);
  return to;
}

function hash(words: Uint32Array, at: number): number {
  const mixed = Math.imul(words[at]! ^ words[at + 2]!, 0x9e3779b1) ^ words[at + 1]! ^ words[at + 3]!;
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
