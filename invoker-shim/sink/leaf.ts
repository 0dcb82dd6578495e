import { CountedValue } from './counted-value.js';
import type { ValueBody } from './value.js';

/** Where the bytes of a leaf are. Memory and hand-over files count as resident, the disk does not. */
export const Place = { MEMORY: 0, HANDOVER: 1, DISK: 2 } as const;
export type Place = (typeof Place)[keyof typeof Place];

/** What a leaf tells the sink that made it. */
export interface LeafOwner {
  readonly namespace: string;
  /** False when the namespace has more than its share. */
  readonly hasRoom: boolean;
  leafSpillable(leaf: Leaf, spillable: boolean): void;
  /** So many bytes are on their way to disk; negative: they were. */
  leafSpilling(bytes: number): void;
  /** Its bytes are on disk; it is alive and still waits. */
  leafSpilled(leaf: Leaf, path: string): void;
  /** It still waits, and could not be written to disk. */
  leafKept(leaf: Leaf): void;
  leafGone(leaf: Leaf): void;
}

/** A value with bytes of its own, in memory or in a file. Hot path: one object and its body, nothing else. */
export class Leaf extends CountedValue {
  /** Neighbours in the list of what may be spilled; used by `WaitingList` alone. */
  older: Leaf | undefined = undefined;
  newer: Leaf | undefined = undefined;
  listed = false;
  /** True while its bytes are being copied to disk. */
  spilling = false;

  constructor(
    readonly owner: LeafOwner,
    shape: number,
    size: number,
    body: ValueBody,
    public place: Place,
  ) {
    super(shape, size, body);
  }

  /** The bytes are on disk from now on; whoever has read the old body keeps what it has. */
  movedToDisk(path: string): void {
    this.held = { at: 'file', path };
    this.place = Place.DISK;
  }

  /** The file that goes with the last reference, if there is one. */
  get filePath(): string | undefined {
    return this.held.at === 'file' ? this.held.path : undefined;
  }

  /** The body whether or not the value is alive; for the sink itself. */
  get currentBody(): ValueBody {
    return this.held;
  }

  protected override spillableChanged(spillable: boolean): void {
    this.owner.leafSpillable(this, spillable);
  }

  protected override gone(): void {
    this.owner.leafGone(this);
    this.held = EMPTY;
  }
}

/** A released value that somebody still points at does not keep its bytes alive. */
const EMPTY: ValueBody = { at: 'memory', bytes: Buffer.alloc(0) };
