import { type CompositeOwner, listOf, recordOf } from './composite.js';
import { CountedValue } from './counted-value.js';
import { SinkError } from './errors.js';
import type { HandoverDirectory, OpenHandover } from './handover-directory.js';
import { IncomingMemory } from './incoming.js';
import { Leaf, type LeafOwner, Place } from './leaf.js';
import { RoomQueue } from './room-queue.js';
import type { HandoverWriter } from './spare-files.js';
import type { HandoverFile, HandoverSource, IncomingValue, Value } from './value.js';
import { valueToJson, valueToJsonAsync } from './value-json.js';
import { type PackOwner, type PackingSink, ValuePack } from './value-pack.js';
import { WaitingList } from './waiting-list.js';

/** The sink of the host, as the sinks of namespaces use it. */
export interface SinkHost {
  readonly limitBytes: number;
  readonly residentBytes: number;
  readonly handovers: HandoverDirectory | undefined;
  forNamespace(namespace: string): PackingSink;
  /** True while the namespace, with so many bytes more, has not more of the memory than its share. */
  hasRoom(sink: NamespaceSink, more: number): boolean;
  /** So many values, and bytes in memory and hand-over files, more or less. */
  changed(sink: NamespaceSink, values: number, bytes: number): void;
  mayPack(sink: NamespaceSink, bytes: number): boolean;
  packed(bytes: number): void;
  /** Something in its list may be spilled. */
  maySpill(sink: NamespaceSink): void;
  /** Somebody waits for room in it. */
  waits(sink: NamespaceSink): void;
  /** Bytes of it are on their way to disk; negative: they were. */
  spilling(bytes: number): void;
  /** Its bytes are on disk. */
  spilled(leaf: Leaf, path: string): void;
  /** A value that comes in into a file of its own; `arrived` makes it when all of it is there. */
  receiveFile(size: number, arrived: (path: string, shape: number) => Value): IncomingValue;
  /** A value on disk is gone. */
  spillGone(leaf: Leaf): void;
  unlink(path: string): void;
  empty(path: string): void;
}

/** The sink as one namespace sees it: what comes in by it is the namespace's, and counts for its share of the limit. */
export class NamespaceSink implements PackingSink, LeafOwner, CompositeOwner, PackOwner {
  /** Values alive, and what of their bytes is in memory and in hand-over files. */
  values = 0;
  bytes = 0;
  /** Bytes in packs. */
  packedBytes = 0;
  /** Bytes on their way to disk, and values that may go there. */
  spillingBytes = 0;
  readonly waitingList = new WaitingList();
  /** Those who wait for room. */
  readonly room = new RoomQueue(() => this.hasRoom);
  /** How often bytes of it went since the host last looked whether anything moves. */
  releases = 0;

  readonly #host: SinkHost;

  constructor(
    readonly namespace: string,
    host: SinkHost,
  ) {
    this.#host = host;
  }

  get limitBytes(): number {
    return this.#host.limitBytes;
  }

  get residentBytes(): number {
    return this.#host.residentBytes;
  }

  get hasRoom(): boolean {
    return this.#host.hasRoom(this, 0);
  }

  /** True while nothing of it can be written to disk, or is on its way there. */
  get nothingToSpill(): boolean {
    return this.waitingList.isEmpty && this.spillingBytes === 0;
  }

  forNamespace(namespace: string): PackingSink {
    return this.#host.forNamespace(namespace);
  }

  whenRoom(callback: () => void): void {
    this.room.wait(callback);
    if (this.room.length > 0) this.#host.waits(this);
  }

  put(bytes: Buffer, shape: number): Value {
    this.#host.changed(this, 1, bytes.length);
    return new Leaf(this, shape, bytes.length, { at: 'memory', bytes }, Place.MEMORY);
  }

  receive(size: number, mayBeInMemory: boolean): IncomingValue {
    const host = this.#host;
    if (!mayBeInMemory || !host.hasRoom(this, size)) return this.#receiveFile(size);
    host.changed(this, 0, size);
    const arrived = (bytes: Buffer, shape: number): Value => {
      host.changed(this, 1, 0);
      return new Leaf(this, shape, size, { at: 'memory', bytes }, Place.MEMORY);
    };
    return new IncomingMemory(size, arrived, () => host.changed(this, 0, -size));
  }

  handoverSource(reuse = true): HandoverSource {
    const writer: HandoverWriter = { gone: !reuse };
    return {
      allocate: (size) => this.#allocateFile(size, writer),
      close: () => this.#host.handovers?.writerGone(writer),
    };
  }

  list(items: readonly Value[]): Value {
    return listOf(this, items);
  }

  record(entries: readonly (readonly [name: string, item: Value])[]): Value {
    return recordOf(this, entries);
  }

  openPack(slots: number): ValuePack {
    return new ValuePack(this, slots);
  }

  mayPack(bytes: number): boolean {
    return this.#host.mayPack(this, bytes);
  }

  packChanged(values: number, bytes: number): void {
    this.packedBytes += bytes;
    this.#host.packed(bytes);
    this.#host.changed(this, values, bytes);
  }

  setWaiting(value: Value, waiting: boolean): void {
    if (value instanceof CountedValue) value.setWaiting(waiting);
  }

  toJson(value: Value): unknown {
    return valueToJson(value);
  }

  toJsonAsync(value: Value): Promise<unknown> {
    return valueToJsonAsync(value);
  }

  /** The host closes it. */
  async close(): Promise<void> {
    await Promise.resolve();
  }

  leafSpillable(leaf: Leaf, spillable: boolean): void {
    if (!spillable) {
      this.waitingList.remove(leaf);
    } else if (leaf.place !== Place.DISK && !leaf.spilling) {
      this.waitingList.append(leaf);
      this.#host.maySpill(this);
    }
  }

  leafGone(leaf: Leaf): void {
    if (leaf.place === Place.DISK) {
      this.#host.spillGone(leaf);
      this.#host.changed(this, -1, 0);
      return;
    }
    const host = this.#host;
    if (leaf.place === Place.HANDOVER && !host.handovers!.release(leaf.filePath!)) host.empty(leaf.filePath!);
    host.changed(this, -1, -leaf.size);
  }

  leafSpilling(bytes: number): void {
    this.spillingBytes += bytes;
    this.#host.spilling(bytes);
  }

  leafSpilled(leaf: Leaf, path: string): void {
    this.#host.spilled(leaf, path);
    this.#host.changed(this, 0, -leaf.size);
  }

  leafKept(leaf: Leaf): void {
    this.waitingList.prepend(leaf);
    this.#host.maySpill(this);
  }

  compositeMade(): void {
    this.#host.changed(this, 1, 0);
  }

  compositeGone(): void {
    this.#host.changed(this, -1, 0);
  }

  #receiveFile(size: number): IncomingValue {
    return this.#host.receiveFile(size, (path, shape) => {
      this.#host.changed(this, 1, 0);
      return new Leaf(this, shape, size, { at: 'file', path }, Place.DISK);
    });
  }

  #allocateFile(size: number, writer: HandoverWriter): HandoverFile | undefined {
    const host = this.#host;
    const file = host.handovers?.allocate(size, writer);
    if (file === undefined) return undefined;
    host.changed(this, 0, size);
    let open = true;
    const discard = (): void => {
      if (!open) return;
      open = false;
      host.handovers!.discard(file);
      host.changed(this, 0, -size);
      host.unlink(file.path);
    };
    const seal = (shape: number): Value => {
      if (!open) throw new SinkError('HANDOVER_REFUSED', 'the hand-over file was sealed or discarded before');
      try {
        host.handovers!.seal(file);
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
    this.#host.changed(this, 1, 0);
    return new Leaf(this, shape, file.size, { at: 'file', path: file.path }, Place.HANDOVER);
  }
}
