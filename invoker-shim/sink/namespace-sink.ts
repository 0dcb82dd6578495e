import { type CompositeAccount, listOf, recordOf } from './composite.js';
import { SinkError } from './errors.js';
import type { HandoverDirectory, OpenHandover } from './handover-directory.js';
import { IncomingMemory } from './incoming.js';
import { Leaf, type LeafAccount, Place } from './leaf.js';
import { RoomQueue } from './room-queue.js';
import type { HandoverWriter } from './spare-files.js';
import { BufferPack, type PackAccount } from './buffer-pack.js';
import type { DataSink, HandoverFile, HandoverSource, IncomingValue, Value, ValuePack } from './value.js';
import { WaitingList } from './waiting-list.js';

/** Storage that the sinks of all namespaces share: the limit, the directories, the disk. */
export interface SharedStorage {
  readonly limitBytes: number;
  readonly residentBytes: number;
  readonly handovers: HandoverDirectory | undefined;
  forNamespace(namespace: string): DataSink;
  /** True while the namespace has, with `more` bytes added, at most its share of the memory. */
  hasRoom(sink: NamespaceSink, more: number): boolean;
  /** The namespace's values, and their bytes in memory and hand-over files, change by these numbers. */
  changed(sink: NamespaceSink, values: number, bytes: number): void;
  mayPack(sink: NamespaceSink, bytes: number): boolean;
  packed(bytes: number): void;
  /** A leaf in the namespace's waiting list may be spilled. */
  maySpill(sink: NamespaceSink): void;
  /** A callback waits for room in the namespace. */
  waits(sink: NamespaceSink): void;
  /** This number of bytes is being written to disk; negative: is no longer being written. */
  spilling(bytes: number): void;
  /** The bytes of a leaf are on disk. */
  spilled(leaf: Leaf, path: string): void;
  /** Receives a value into a file of its own; `arrived` makes the value when all its bytes are there. */
  receiveFile(size: number, arrived: (path: string, shape: number) => Value): IncomingValue;
  /** The last reference to a value on disk was released. */
  spillGone(leaf: Leaf): void;
  unlink(path: string): void;
  empty(path: string): void;
}

/** The sink of one namespace: its values are charged to the namespace's share of the limit. */
export class NamespaceSink implements DataSink, LeafAccount, CompositeAccount, PackAccount {
  /** Values alive, and their bytes in memory and in hand-over files. */
  values = 0;
  bytes = 0;
  /** Bytes in packs. */
  packedBytes = 0;
  /** Bytes being written to disk, and leaves that may be. */
  spillingBytes = 0;
  readonly waitingList = new WaitingList();
  /** Callbacks that wait for room. */
  readonly room = new RoomQueue(() => this.hasRoom);
  /** Releases of bytes since the last check for progress. */
  releases = 0;

  readonly #storage: SharedStorage;

  constructor(
    readonly namespace: string,
    storage: SharedStorage,
  ) {
    this.#storage = storage;
  }

  get limitBytes(): number {
    return this.#storage.limitBytes;
  }

  get residentBytes(): number {
    return this.#storage.residentBytes;
  }

  get hasRoom(): boolean {
    return this.#storage.hasRoom(this, 0);
  }

  /** True while no value can be written to disk and none is being written. */
  get nothingToSpill(): boolean {
    return this.waitingList.isEmpty && this.spillingBytes === 0;
  }

  forNamespace(namespace: string): DataSink {
    return this.#storage.forNamespace(namespace);
  }

  whenRoom(callback: () => void): void {
    this.room.wait(callback);
    if (this.room.length > 0) this.#storage.waits(this);
  }

  put(bytes: Buffer, shape: number): Value {
    this.#storage.changed(this, 1, bytes.length);
    return new Leaf(this, shape, bytes.length, bytes, Place.MEMORY);
  }

  receive(size: number, mayBeInMemory: boolean): IncomingValue {
    const storage = this.#storage;
    if (!mayBeInMemory || !storage.hasRoom(this, size)) return this.#receiveFile(size);
    storage.changed(this, 0, size);
    const arrived = (bytes: Buffer, shape: number): Value => {
      storage.changed(this, 1, 0);
      return new Leaf(this, shape, size, bytes, Place.MEMORY);
    };
    return new IncomingMemory(size, arrived, () => storage.changed(this, 0, -size));
  }

  handoverSource(reuse = true): HandoverSource {
    const writer: HandoverWriter = { gone: !reuse };
    return {
      allocate: (size) => this.#allocateFile(size, writer),
      close: () => this.#storage.handovers?.writerGone(writer),
    };
  }

  list(items: readonly Value[]): Value {
    return listOf(this, items);
  }

  record(entries: readonly (readonly [name: string, item: Value])[]): Value {
    return recordOf(this, entries);
  }

  openPack(slots: number): ValuePack {
    return new BufferPack(this, slots);
  }

  mayPack(bytes: number): boolean {
    return this.#storage.mayPack(this, bytes);
  }

  packChanged(values: number, bytes: number): void {
    this.packedBytes += bytes;
    this.#storage.packed(bytes);
    this.#storage.changed(this, values, bytes);
  }

  /** The host's sink closes the directories. */
  async close(): Promise<void> {
    await Promise.resolve();
  }

  leafSpillable(leaf: Leaf, spillable: boolean): void {
    if (!spillable) {
      this.waitingList.remove(leaf);
    } else if (leaf.place !== Place.DISK && !leaf.spilling) {
      this.waitingList.append(leaf);
      this.#storage.maySpill(this);
    }
  }

  leafGone(leaf: Leaf): void {
    if (leaf.place === Place.DISK) {
      this.#storage.spillGone(leaf);
      this.#storage.changed(this, -1, 0);
      return;
    }
    const storage = this.#storage;
    if (leaf.place === Place.HANDOVER) {
      const path = leaf.kept as string;
      if (!storage.handovers!.release(path)) storage.empty(path);
    }
    storage.changed(this, -1, -leaf.size);
  }

  leafSpilling(bytes: number): void {
    this.spillingBytes += bytes;
    this.#storage.spilling(bytes);
  }

  leafSpilled(leaf: Leaf, path: string): void {
    this.#storage.spilled(leaf, path);
    this.#storage.changed(this, 0, -leaf.size);
  }

  leafKept(leaf: Leaf): void {
    this.waitingList.prepend(leaf);
    this.#storage.maySpill(this);
  }

  compositeMade(): void {
    this.#storage.changed(this, 1, 0);
  }

  compositeGone(): void {
    this.#storage.changed(this, -1, 0);
  }

  #receiveFile(size: number): IncomingValue {
    return this.#storage.receiveFile(size, (path, shape) => {
      this.#storage.changed(this, 1, 0);
      return new Leaf(this, shape, size, path, Place.DISK);
    });
  }

  #allocateFile(size: number, writer: HandoverWriter): HandoverFile | undefined {
    const storage = this.#storage;
    const file = storage.handovers?.allocate(size, writer);
    if (file === undefined) return undefined;
    storage.changed(this, 0, size);
    let open = true;
    const discard = (): void => {
      if (!open) return;
      open = false;
      storage.handovers!.discard(file);
      storage.changed(this, 0, -size);
      storage.unlink(file.path);
    };
    const seal = (shape: number): Value => {
      if (!open) throw new SinkError('HANDOVER_REFUSED', 'the hand-over file was sealed or discarded before');
      try {
        storage.handovers!.seal(file);
      } catch (error) {
        discard();
        throw error;
      }
      open = false;
      return this.#sealed(file, shape);
    };
    // Async so that a refusal is a rejection; there is nothing to wait for.
    return { path: file.path, size, discard, seal: (shape) => new Promise((resolve) => resolve(seal(shape))) };
  }

  #sealed(file: OpenHandover, shape: number): Value {
    this.#storage.changed(this, 1, 0);
    return new Leaf(this, shape, file.size, file.path, Place.HANDOVER);
  }
}
