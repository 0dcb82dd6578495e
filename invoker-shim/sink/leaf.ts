import { CountedValue } from './counted-value.js';
import type { ValueReader } from './value.js';
import { FileReader, MemoryReader } from './value-readers.js';

/** Where the bytes of a leaf are kept. Memory and hand-over files count as resident, the disk does not. */
export const Place = { MEMORY: 0, HANDOVER: 1, DISK: 2 } as const;
export type Place = (typeof Place)[keyof typeof Place];

/** The namespace's account that a leaf is charged to; it hears what happens to the leaf. */
export interface LeafAccount {
  readonly namespace: string;
  /** False while the namespace has more than its share. */
  readonly hasRoom: boolean;
  leafSpillable(leaf: Leaf, spillable: boolean): void;
  /** This number of bytes is being written to disk; negative: is no longer being written. */
  leafSpilling(bytes: number): void;
  /** The bytes are on disk; the leaf is alive and still waits. */
  leafSpilled(leaf: Leaf, path: string): void;
  /** The leaf still waits and could not be written to disk. */
  leafKept(leaf: Leaf): void;
  leafGone(leaf: Leaf): void;
}

/** A value without members, in memory or in a file. Hot path: one object, nothing else. */
export class Leaf extends CountedValue {
  /** Neighbours in the list of leaves that may be spilled; used by `WaitingList` alone. */
  older: Leaf | undefined = undefined;
  newer: Leaf | undefined = undefined;
  listed = false;
  /** True while its bytes are being copied to disk. */
  spilling = false;
  #kept: Buffer | string;

  constructor(
    readonly account: LeafAccount,
    shape: number,
    size: number,
    kept: Buffer | string,
    public place: Place,
  ) {
    super(shape, size);
    this.#kept = kept;
  }

  override get bytes(): Buffer | undefined {
    this.assertHeld();
    return typeof this.#kept === 'string' ? undefined : this.#kept;
  }

  override get members(): undefined {
    this.assertHeld();
    return undefined;
  }

  override get file(): string | undefined {
    this.assertHeld();
    return typeof this.#kept === 'string' ? this.#kept : undefined;
  }

  override reader(): ValueReader {
    const { bytes } = this;
    return bytes === undefined ? new FileReader(this.size, () => this.file!) : new MemoryReader(bytes);
  }

  /** The bytes, or the path of their file, whether or not the value is alive; for the sink itself. */
  get kept(): Buffer | string {
    return this.#kept;
  }

  /** The bytes are in this file on disk from now on. */
  movedToDisk(path: string): void {
    this.#kept = path;
    this.place = Place.DISK;
  }

  protected override spillableChanged(spillable: boolean): void {
    this.account.leafSpillable(this, spillable);
  }

  protected override gone(): void {
    this.account.leafGone(this);
    this.#kept = EMPTY;
  }
}

/** Stands in for the bytes of a released value, so that a stale pointer to the value does not keep them alive. */
const EMPTY = Buffer.alloc(0);
