import { ValueKind } from '@dataflower/action-runtime/protocol';
import { smallBytes } from './buffer-pack.js';
import { LIST_SHAPE } from './composite.js';
import { HEADER_BYTES, LENGTH_BYTES } from './composite-framing.js';
import type { DataSink, Value, ValuePack } from './value.js';

/** A list up to this length is made of the values themselves: copying a short list saves nothing. */
const LOOSE_ITEMS = 256;
/** A power of two. */
const PACK_SLOTS = 1024;

/**
 * Collects the items of a LIST in any order and holds their references until the list is finished or discarded. Items
 * outside packs may be spilled meanwhile. A long list of small items becomes one value with all their bytes instead of a
 * composite of as many values.
 */
export class ListBuilder {
  /** The first items by index, without holes: an array with holes becomes a dictionary, several times as large. */
  #loose: (Value | undefined)[] = [];
  #packs: (ValuePack | undefined)[] = [];
  /** Items beyond the first `LOOSE_ITEMS` that did not go into a pack. */
  #others: Map<number, Value> | undefined;

  readonly #sink: DataSink;

  constructor(sink: DataSink) {
    this.#sink = sink;
  }

  /** Takes the reference over. Each index may be added once. */
  add(index: number, value: Value): void {
    if (index < LOOSE_ITEMS) {
      while (this.#loose.length < index) this.#loose.push(undefined);
      this.#loose[index] = value;
      value.setWaiting(true);
    } else if (!this.#packFor(index).put((index - LOOSE_ITEMS) % PACK_SLOTS, value)) {
      (this.#others ??= new Map<number, Value>()).set(index, value);
      value.setWaiting(true);
    }
  }

  /** Makes the LIST of the `count` items, all of which were added, in steps; each step yields its cost, about in microseconds. */
  *finish(count: number): Generator<number, Value> {
    yield* this.#awake();
    if (count <= LOOSE_ITEMS) return this.#sink.list(this.#loose as Value[]);
    const first = this.#others === undefined ? (this.#loose as Value[]).map(smallBytes) : [undefined];
    return first.every((bytes) => bytes !== undefined)
      ? yield* this.#joined(first, count)
      : yield* this.#composite(count);
  }

  /** Releases all items, in steps as `finish`. */
  *discard(): Generator<number, void> {
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

  /** Ends the waiting of all items. */
  *#awake(): Generator<number, void> {
    for (const value of this.#loose) if (value !== undefined) value.setWaiting(false);
    yield this.#loose.length;
    for (const value of this.#others?.values() ?? []) {
      value.setWaiting(false);
      yield 1;
    }
  }

  *#joined(first: readonly Buffer[], count: number): Generator<number, Value> {
    let size = HEADER_BYTES + count * LENGTH_BYTES;
    for (const item of first) size += item.length;
    for (const pack of this.#packs) size += pack!.size;
    const bytes = Buffer.allocUnsafeSlow(size);
    bytes[0] = ValueKind.LIST;
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
