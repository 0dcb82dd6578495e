import type { Value, ValuePack } from './value.js';

/** Larger values are not packed: an object for each costs little beside their bytes. */
const MAX_PACKED_BYTES = 1024;
/** Initial size of a pack for each of its slots, in bytes. */
const FIRST_BYTES_PER_SLOT = 16;

/** The account that a pack is charged to. */
export interface PackAccount {
  put(bytes: Buffer, shape: number): Value;
  /** False while packs hold too many bytes to take these: values in packs cannot be spilled. */
  mayPack(bytes: number): boolean;
  /** The number of values and bytes in packs changes by these. */
  packChanged(values: number, bytes: number): void;
}

/** A pack in one buffer that grows. */
export class BufferPack implements ValuePack {
  #bytes: Buffer;
  #used = 0;
  readonly #offsets: Uint32Array;
  /** 0: the slot is empty (an encoded value has one byte at least). */
  readonly #lengths: Uint16Array;
  readonly #shapes: Uint8Array;
  #values = 0;
  #heldBytes = 0;

  readonly #account: PackAccount;

  constructor(
    account: PackAccount,
    readonly slots: number,
  ) {
    this.#account = account;

    this.#bytes = Buffer.allocUnsafeSlow(slots * FIRST_BYTES_PER_SLOT);
    this.#offsets = new Uint32Array(slots);
    this.#lengths = new Uint16Array(slots);
    this.#shapes = new Uint8Array(slots);
  }

  get size(): number {
    return this.#heldBytes;
  }

  put(slot: number, value: Value): boolean {
    const bytes = smallBytes(value);
    if (bytes === undefined || !this.#account.mayPack(bytes.length)) return false;
    const size = bytes.length;
    if (this.#used + size > this.#bytes.length) this.#grow(size);
    copy(bytes, this.#bytes, this.#used);
    this.#offsets[slot] = this.#used;
    this.#lengths[slot] = size;
    this.#shapes[slot] = value.shape;
    this.#used += size;
    this.#values++;
    this.#heldBytes += size;
    this.#account.packChanged(1, size);
    value.release();
    return true;
  }

  take(slot: number): Value | undefined {
    const length = this.#lengths[slot]!;
    if (length === 0) return undefined;
    const offset = this.#offsets[slot]!;
    this.#lengths[slot] = 0;
    this.#values--;
    this.#heldBytes -= length;
    this.#account.packChanged(-1, -length);
    return this.#account.put(this.#bytes.subarray(offset, offset + length), this.#shapes[slot]!);
  }

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

  discard(): void {
    this.#account.packChanged(-this.#values, -this.#heldBytes);
    this.#values = 0;
    this.#heldBytes = 0;
    this.#lengths.fill(0);
    this.#bytes = EMPTY;
    this.#used = 0;
  }

  #grow(needed: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#used + needed, 2 * this.#bytes.length));
    this.#bytes.copy(grown, 0, 0, this.#used);
    this.#bytes = grown;
  }
}

/** The bytes of a small value in memory; else undefined. */
export function smallBytes(value: Value): Buffer | undefined {
  return value.size > MAX_PACKED_BYTES || value.size === 0 ? undefined : value.bytes;
}

const EMPTY = Buffer.alloc(0);
/** Up to this size in bytes a loop is faster than the system's copy. */
const LOOP_BYTES = 64;

function copy(from: Buffer, to: Buffer, at: number): void {
  if (from.length > LOOP_BYTES) to.set(from, at);
  else for (let i = 0; i < from.length; i++) to[at + i] = from[i]!;
}
