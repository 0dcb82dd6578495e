import { bytesOf } from './bytes-of.js';
import type { DataSink, Value } from './value.js';

/** Larger values stay by themselves: what an object of their own costs is then little beside their bytes. */
const MAX_PACKED_BYTES = 1024;
/** Bytes that a pack begins with, for each of its slots. */
const FIRST_BYTES_PER_SLOT = 16;

/** A data sink that keeps small values side by side for those who have many. */
export interface PackingSink extends DataSink {
  forNamespace(namespace: string): PackingSink;
  openPack(slots: number): ValuePack;
}

/** What a pack asks of the sink that made it. */
export interface PackOwner {
  put(bytes: Buffer, shape: number): Value;
  /** False when packs hold too much already: what is in them cannot be spilled. */
  mayPack(bytes: number): boolean;
  /** So many values and bytes more, or less, are in packs. */
  packChanged(values: number, bytes: number): void;
}

/**
 * Small values that wait together, side by side in one buffer: no object for each that the garbage collector has to
 * follow and to move, however many there are. A value in a pack is its owner's alone and is never spilled.
 */
export class ValuePack {
  #bytes: Buffer;
  #used = 0;
  readonly #offsets: Uint32Array;
  /** 0: the slot is empty (an encoded value has one byte at least). */
  readonly #lengths: Uint16Array;
  readonly #shapes: Uint8Array;
  #values = 0;
  #heldBytes = 0;

  readonly #owner: PackOwner;

  constructor(
    owner: PackOwner,
    readonly slots: number,
  ) {
    this.#owner = owner;

    this.#bytes = Buffer.allocUnsafeSlow(slots * FIRST_BYTES_PER_SLOT);
    this.#offsets = new Uint32Array(slots);
    this.#lengths = new Uint16Array(slots);
    this.#shapes = new Uint8Array(slots);
  }

  /** Bytes of the values that are in it. */
  get size(): number {
    return this.#heldBytes;
  }

  /** Copies a value into an empty slot and releases it. False, and nothing has changed, for one that is not small or not in memory. */
  put(slot: number, value: Value): boolean {
    const bytes = smallBytes(value);
    if (bytes === undefined || !this.#owner.mayPack(bytes.length)) return false;
    const size = bytes.length;
    if (this.#used + size > this.#bytes.length) this.#grow(size);
    copy(bytes, this.#bytes, this.#used);
    this.#offsets[slot] = this.#used;
    this.#lengths[slot] = size;
    this.#shapes[slot] = value.shape;
    this.#used += size;
    this.#values++;
    this.#heldBytes += size;
    this.#owner.packChanged(1, size);
    value.release();
    return true;
  }

  /** The value of a slot by itself, owned by the caller; undefined for an empty slot. The slot is empty then. */
  take(slot: number): Value | undefined {
    const length = this.#lengths[slot]!;
    if (length === 0) return undefined;
    const offset = this.#offsets[slot]!;
    this.#lengths[slot] = 0;
    this.#values--;
    this.#heldBytes -= length;
    this.#owner.packChanged(-1, -length);
    return this.#owner.put(this.#bytes.subarray(offset, offset + length), this.#shapes[slot]!);
  }

  /** Writes the items of a LIST: slots from the first up to the first empty one. Returns where it ends. */
  writeItems(target: Buffer, at: number): number {
    for (let slot = 0; slot < this.slots; slot++) {
      const length = this.#lengths[slot]!;
      if (length === 0) break;
      const offset = this.#offsets[slot]!;
      at = target.writeUInt32BE(length, at);
      at += this.#bytes.copy(target, at, offset, offset + length);
    }
    return at;
  }

  /** Gives up everything that is in it. */
  discard(): void {
    this.#owner.packChanged(-this.#values, -this.#heldBytes);
    this.#values = 0;
    this.#heldBytes = 0;
    this.#lengths.fill(0);
    this.#bytes = NOTHING;
    this.#used = 0;
  }

  #grow(needed: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#used + needed, 2 * this.#bytes.length));
    this.#bytes.copy(grown, 0, 0, this.#used);
    this.#bytes = grown;
  }
}

/** The encoded bytes of a value that is small and in memory; else undefined. */
export function smallBytes(value: Value): Buffer | undefined {
  if (value.size > MAX_PACKED_BYTES || value.size === 0 || !isInMemory(value)) return undefined;
  return bytesOf(value) as Buffer;
}

function isInMemory({ body }: Value): boolean {
  switch (body.at) {
    case 'memory':
      return true;
    case 'file':
      return false;
    case 'list':
      return body.items.every(isInMemory);
    case 'record':
      return body.entries.every(([, item]) => isInMemory(item));
  }
}

const NOTHING = Buffer.alloc(0);
/** Up to this many bytes a loop is faster than a call of the system's copy. */
const LOOP_BYTES = 64;

function copy(from: Buffer, to: Buffer, at: number): void {
  if (from.length > LOOP_BYTES) to.set(from, at);
  else for (let i = 0; i < from.length; i++) to[at + i] = from[i]!;
}
