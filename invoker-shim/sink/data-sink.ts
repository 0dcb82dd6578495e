import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { systemClock } from '../clock.js';
import { type CompositeOwner, listOf, recordOf } from './composite.js';
import { CountedValue } from './counted-value.js';
import type { DataSinkOptions, MeasuredDataSink, SinkMetrics } from './data-sink-options.js';
import { SinkError } from './errors.js';
import { HandoverDirectory, type OpenHandover } from './handover-directory.js';
import { IncomingFile, IncomingMemory } from './incoming.js';
import { Leaf, type LeafOwner, Place } from './leaf.js';
import { firstWritable, makePrivateDirectory } from './private-directory.js';
import { RoomQueue } from './room-queue.js';
import { type SpillOwner, Spiller, diskFiles } from './spiller.js';
import type { HandoverWriter, SpareFilesOptions } from './spare-files.js';
import type { HandoverFile, HandoverSource, IncomingValue, Value } from './value.js';
import { valueToJson, valueToJsonAsync } from './value-json.js';
import { type PackOwner, ValuePack } from './value-pack.js';
import { WaitingList } from './waiting-list.js';

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;
/** Of the limit, what may be in packs, which cannot be spilled. */
const PACKED_SHARE = 0.25;

/**
 * Makes the data sink of a host: values in memory and in hand-over files, spilled to disk at the limit.
 * Throws what the file system says when no spill directory can be made; without a directory for hand-over files it
 * works and has no file to give.
 */
export function createDataSink(options: DataSinkOptions = {}): MeasuredDataSink {
  return new HostSink(options);
}

class HostSink implements MeasuredDataSink, LeafOwner, CompositeOwner, PackOwner, SpillOwner {
  readonly limitBytes: number;
  private resident = 0;
  private peak = 0;
  private alive = 0;
  private packedBytes = 0;
  private spilledBytes = 0;
  private spills = 0;
  private incomingFiles = 0;
  private readonly waitingList = new WaitingList();
  private readonly room = new RoomQueue(() => this.hasRoom);
  private readonly handovers: HandoverDirectory | undefined;
  private readonly spillDirectory: string;
  private readonly spiller: Spiller;
  private readonly unlinks = new Set<Promise<void>>();

  constructor(options: DataSinkOptions) {
    this.limitBytes = options.limitBytes ?? 256 * MiB;
    this.spillDirectory = makePrivateDirectory(options.spillDir ?? os.tmpdir(), 'spill');
    const clock = options.clock ?? systemClock;
    this.handovers = openHandovers(options.handoverDir, options.handoverMaxBytes ?? 4 * GiB, {
      maxBytes: options.spareHandoverBytes ?? this.limitBytes / 2,
      keepMs: options.spareHandoverMs ?? 5000,
      clock,
      remove: (file) => this.unlink(file.path),
    });
    this.spiller = new Spiller(this, this.waitingList, {
      files: options.spillFiles ?? diskFiles,
      directory: this.spillDirectory,
      concurrency: options.spillConcurrency ?? 4,
      retryMs: options.spillRetryMs ?? 1000,
      clock,
      onPressure: options.onPressure,
    });
  }

  get residentBytes(): number {
    return this.resident;
  }

  get hasRoom(): boolean {
    return this.resident < this.limitBytes;
  }

  get metrics(): SinkMetrics {
    return {
      residentBytes: this.resident,
      peakResidentBytes: this.peak,
      values: this.alive,
      spilledBytes: this.spilledBytes,
      spills: this.spills,
      spillFailures: this.spiller.failures,
      handoverFiles: this.handovers?.fileCount ?? 0,
      spareHandoverBytes: this.handovers?.spareBytes ?? 0,
      heldEmits: this.room.length,
    };
  }

  whenRoom(callback: () => void): void {
    this.room.wait(callback);
  }

  put(bytes: Buffer, shape: number): Value {
    this.alive++;
    this.grow(bytes.length);
    return new Leaf(this, shape, bytes.length, { at: 'memory', bytes }, Place.MEMORY);
  }

  receive(size: number, mayBeInMemory: boolean): IncomingValue {
    if (!mayBeInMemory || this.resident + size > this.limitBytes) return this.receiveFile(size);
    this.grow(size);
    const arrived = (bytes: Buffer, shape: number): Value => {
      this.alive++;
      return new Leaf(this, shape, size, { at: 'memory', bytes }, Place.MEMORY);
    };
    return new IncomingMemory(size, arrived, () => this.shrink(size));
  }

  private receiveFile(size: number): IncomingValue {
    const file = path.join(this.spillDirectory, `incoming-${++this.incomingFiles}`);
    const arrived = (shape: number): Value => {
      this.alive++;
      this.spilledBytes += size;
      return new Leaf(this, shape, size, { at: 'file', path: file }, Place.DISK);
    };
    return new IncomingFile(file, arrived, (closed) => {
      const work = closed.then(() => this.unlink(file));
      this.unlinks.add(work);
      void work.then(() => this.unlinks.delete(work));
    });
  }

  handoverSource(reuse = true): HandoverSource {
    const writer: HandoverWriter = { gone: !reuse };
    return {
      allocate: (size) => this.allocateFile(size, writer),
      close: () => this.handovers?.writerGone(writer),
    };
  }

  private allocateFile(size: number, writer: HandoverWriter): HandoverFile | undefined {
    const file = this.handovers?.allocate(size, writer);
    if (file === undefined) return undefined;
    this.grow(size);
    let open = true;
    const discard = (): void => {
      if (!open) return;
      open = false;
      this.handovers!.discard(file);
      this.shrink(size);
      this.unlink(file.path);
    };
    const seal = (shape: number): Value => {
      if (!open) throw new SinkError('HANDOVER_REFUSED', 'the hand-over file was sealed or discarded before');
      try {
        this.handovers!.seal(file);
      } catch (error) {
        discard();
        throw error;
      }
      open = false;
      return this.sealed(file, shape);
    };
    // Async so that a refusal is a rejection; there is nothing to wait for.
    return { path: file.path, size, discard, seal: (shape) => new Promise((resolve) => resolve(seal(shape))) };
  }

  private sealed(file: OpenHandover, shape: number): Value {
    this.alive++;
    return new Leaf(this, shape, file.size, { at: 'file', path: file.path }, Place.HANDOVER);
  }

  list(items: readonly Value[]): Value {
    return listOf(this, items);
  }

  record(entries: readonly (readonly [name: string, item: Value])[]): Value {
    return recordOf(this, entries);
  }

  compositeMade(): void {
    this.alive++;
  }

  openPack(slots: number): ValuePack {
    return new ValuePack(this, slots);
  }

  mayPack(bytes: number): boolean {
    return this.packedBytes + bytes <= this.limitBytes * PACKED_SHARE;
  }

  packChanged(values: number, bytes: number): void {
    this.alive += values;
    this.packedBytes += bytes;
    if (bytes > 0) this.grow(bytes);
    else this.shrink(-bytes);
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

  leafSpillable(leaf: Leaf, spillable: boolean): void {
    if (!spillable) {
      this.waitingList.remove(leaf);
    } else if (leaf.place !== Place.DISK && !leaf.spilling) {
      this.waitingList.append(leaf);
      if (!this.hasRoom) this.spiller.poke();
    }
  }

  leafGone(leaf: Leaf): void {
    this.alive--;
    if (leaf.place === Place.DISK) {
      this.unlink(leaf.filePath!);
      this.spilledBytes -= leaf.size;
      return;
    }
    if (leaf.place === Place.HANDOVER && !this.handovers!.release(leaf.filePath!)) this.empty(leaf.filePath!);
    this.shrink(leaf.size);
    this.trimSpares();
  }

  compositeGone(): void {
    this.alive--;
  }

  spilled(leaf: Leaf, path: string): void {
    if (leaf.place === Place.HANDOVER) {
      this.handovers!.forget(leaf.filePath!);
      this.unlink(leaf.filePath!);
    }
    leaf.movedToDisk(path);
    this.spills++;
    this.spilledBytes += leaf.size;
    this.shrink(leaf.size);
  }

  /** Waits for spills and removals on their way, then removes the sink's directories. Values in files are gone. */
  async close(): Promise<void> {
    this.handovers?.close();
    await this.spiller.close();
    while (this.unlinks.size > 0) await Promise.all(this.unlinks);
    await fs.promises.rm(this.spillDirectory, { recursive: true, force: true });
    if (this.handovers !== undefined) await fs.promises.rm(this.handovers.path, { recursive: true, force: true });
  }

  private grow(bytes: number): void {
    this.resident += bytes;
    if (this.resident > this.peak) this.peak = this.resident;
    this.trimSpares();
    if (this.resident >= this.limitBytes) this.spiller.poke();
  }

  /** Files are kept only in what values leave of the limit. */
  private trimSpares(): void {
    const { handovers } = this;
    if (handovers === undefined || handovers.spareBytes === 0) return;
    handovers.trimSpares(this.limitBytes - this.resident);
  }

  private shrink(bytes: number): void {
    this.resident -= bytes;
    if (this.room.length > 0) this.room.roomMade();
  }

  /** Its pages go although a container may have it open. */
  private empty(path: string): void {
    const work = fs.promises.truncate(path).catch(() => undefined);
    this.unlinks.add(work);
    void work.then(() => {
      this.unlinks.delete(work);
      this.unlink(path);
    });
  }

  /** Off the event loop: to free the pages of a large file takes milliseconds. */
  private unlink(path: string): void {
    const work = fs.promises.unlink(path).then(
      () => undefined,
      () => undefined,
    );
    this.unlinks.add(work);
    void work.then(() => this.unlinks.delete(work));
  }
}

function openHandovers(
  base: string | false | undefined,
  maxBytes: number,
  spares: SpareFilesOptions,
): HandoverDirectory | undefined {
  if (base === false) return undefined;
  const parent = firstWritable(base === undefined ? ['/dev/shm', os.tmpdir()] : [base]);
  return parent === undefined
    ? undefined
    : new HandoverDirectory(makePrivateDirectory(parent, 'sink'), maxBytes, spares);
}
