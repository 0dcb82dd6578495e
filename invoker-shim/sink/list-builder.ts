import { COUNT_BYTES, LENGTH_BYTES, LIST_SHAPE } from './composite.js';
import type { Value } from './value.js';
import { type PackingSink, type ValuePack, smallBytes } from './value-pack.js';

/** A list up to this long is made of values as they are: a short one is not worth a copy. */
const LOOSE_ITEMS = 256;
/** A power of two. */
const PACK_SLOTS = 1024;
/** First byte of an encoded LIST (the protocol's document, "Values"). */
const LIST_KIND = 2;

/**
 * A LIST that comes together item by item, in any order, and holds the references of its items until it is finished or
 * discarded. Items that have no pack to be in may be spilled meanwhile. A long list of small items becomes one value
 * with all their bytes instead of a composite of as many values.
 */
export class ListBuilder {
  /** The first items by index, without holes: an array with holes becomes a dictionary, several times as large. */
  #loose: (Value | undefined)[] = [];
  #packs: (ValuePack | undefined)[] = [];
  /** Items behind the first that did not go into a pack. */
  #others: Map<number, Value> | undefined;

  readonly #sink: PackingSink;

  constructor(sink: PackingSink) {
    this.#sink = sink;
  }

  /** Takes the reference over. An index may come once. */
  add(index: number, value: Value): void {
    if (index < LOOSE_ITEMS) {
      while (this.#loose.length < index) this.#loose.push(undefined);
      this.#loose[index] = value;
      this.#sink.setWaiting(value, true);
    } else if (!this.#packFor(index).put((index - LOOSE_ITEMS) % PACK_SLOTS, value)) {
      (this.#others ??= new Map<number, Value>()).set(index, value);
      this.#sink.setWaiting(value, true);
    }
  }

  /** Makes the LIST of the `count` items, all of which have come, in steps; each yields what it cost in microseconds or so. */
  *finish(count: number): Generator<number, Value> {
    yield* this.#awake();
    if (count <= LOOSE_ITEMS) return this.#sink.list(this.#loose as Value[]);
    const first = this.#others === undefined ? (this.#loose as Value[]).map(smallBytes) : [undefined];
    return first.every((bytes) => bytes !== undefined)
      ? yield* this.#joined(first, count)
      : yield* this.#composite(count);
  }

  /** Releases what has come, in steps, as `finish`. */
  *letGo(): Generator<number, void> {
    yield* this.#awake();
    yield* this.#drop();
  }

  *#drop(): Generator<number, void> {
    const loose = this.#loose;
    const packs = this.#packs;
    const others = this.#others;
    this.#loose = [];
    this.#packs = [];
    this.#others = undefined;
    for (const value of loose) value?.release();
    yield loose.length;
    for (const value of others?.values() ?? []) {
      value.release();
      yield 1;
    }
    for (const pack of packs) {
      pack?.discard();
      yield 2;
    }
  }

  #packFor(index: number): ValuePack {
    const packs = this.#packs;
    const at = Math.floor((index - LOOSE_ITEMS) / PACK_SLOTS);
    while (packs.length < at) packs.push(undefined);
    return (packs[at] ??= this.#sink.openPack(PACK_SLOTS));
  }

  /** Nothing of it waits any more. */
  *#awake(): Generator<number, void> {
    for (const value of this.#loose) if (value !== undefined) this.#sink.setWaiting(value, false);
    yield this.#loose.length;
    for (const value of this.#others?.values() ?? []) {
      this.#sink.setWaiting(value, false);
      yield 1;
    }
  }

  *#joined(first: readonly Buffer[], count: number): Generator<number, Value> {
    let size = COUNT_BYTES + count * LENGTH_BYTES;
    for (const item of first) size += item.length;
    for (const pack of this.#packs) size += pack!.size;
    const bytes = Buffer.allocUnsafeSlow(size);
    bytes[0] = LIST_KIND;
    let at = bytes.writeUInt32BE(count, 1);
    for (const item of first) {
      at = bytes.writeUInt32BE(item.length, at);
      at += item.copy(bytes, at);
    }
    yield first.length;
    for (const pack of this.#packs) {
      at = pack!.writeItems(bytes, at);
      yield PACK_SLOTS / 4;
    }
    yield* this.#drop();
    return this.#sink.put(bytes, LIST_SHAPE);
  }

  *#composite(count: number): Generator<number, Value> {
    const items = this.#loose as Value[];
    for (let index = LOOSE_ITEMS; index < count; index++) {
      items.push(this.#others?.get(index) ?? this.#packFor(index).take((index - LOOSE_ITEMS) % PACK_SLOTS)!);
      yield 0.5;
    }
    yield items.length / 50;
    return this.#sink.list(items);
  }
}
