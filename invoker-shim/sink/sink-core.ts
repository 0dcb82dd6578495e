import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type Clock, systemClock, FairShare } from '@dataflower/common';
import { makePrivateDirectory } from '@dataflower/common/process';
import type { DataSinkOptions, SinkMetrics } from './data-sink-options.js';
import { SinkError } from './errors.js';
import { HandoverDirectory, openHandovers } from './handover-directory.js';
import { IncomingFile } from './incoming.js';
import { type Leaf, Place } from './leaf.js';
import { NamespaceSink, type SharedStorage } from './namespace-sink.js';
import { type SpillSource, Spiller, diskFiles } from './spiller.js';
import type { IncomingValue, Value } from './value.js';

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;
/** Of the limit, what may be in packs, which cannot be spilled. */
const PACKED_SHARE = 0.25;
/** A namespace with this multiple of the limit, nothing to spill and no releases gets no more emits let go. */
const STUCK_FACTOR = 2;
/** Namespaces without values that are remembered, at most. */
const MAX_EMPTY = 1000;

/**
 * The limit, the directories and the disk that the sinks of all namespaces of a host share.
 *
 * The share of a namespace grows with the room that is left (`FairShare`). Values that cannot be held back, such as return
 * values and inputs in use, may exceed it; the reserve stays for namespaces that have less than the reserve.
 */
export class SinkCore implements SharedStorage, SpillSource {
  readonly limitBytes: number;
  readonly handovers: HandoverDirectory | undefined;
  #resident = 0;
  /** Resident bytes of namespaces that have less than the reserve. */
  #small = 0;
  #spilling = 0;
  #peak = 0;
  #values = 0;
  #packed = 0;
  #spilled = 0;
  #spills = 0;
  #incomingFiles = 0;
  readonly #share: FairShare;
  readonly #packShare: FairShare;
  readonly #sinks = new Map<string, NamespaceSink>();
  /** Namespaces in which a callback waits for room. */
  readonly #waiting = new Set<NamespaceSink>();
  /** Namespaces with leaves that may be spilled. */
  readonly #spillable = new Set<NamespaceSink>();
  readonly #clock: Clock;
  readonly #retryMs: number;
  readonly #onPressure: DataSinkOptions['onPressure'];
  readonly #spillDirectory: string;
  readonly #spiller: Spiller;
  readonly #unlinks = new Set<Promise<void>>();
  #cancelCheck: (() => void) | undefined;

  constructor(options: DataSinkOptions) {
    this.limitBytes = options.limitBytes ?? 256 * MiB;
    this.#share = new FairShare(this.limitBytes);
    this.#packShare = new FairShare(this.limitBytes * PACKED_SHARE);
    this.#spillDirectory = makePrivateDirectory(options.spillDir ?? os.tmpdir(), 'spill');
    const clock = (this.#clock = options.clock ?? systemClock);
    this.#retryMs = options.spillRetryMs ?? 1000;
    this.#onPressure = options.onPressure;
    this.handovers = openHandovers(options.handoverDir, options.handoverMaxBytes ?? 4 * GiB, {
      maxBytes: options.spareHandoverBytes ?? this.limitBytes / 2,
      keepMs: options.spareHandoverMs ?? 5000,
      clock,
      remove: (file) => this.unlink(file.path),
    });
    this.#spiller = new Spiller(this, {
      files: options.spillFiles ?? diskFiles,
      directory: this.#spillDirectory,
      concurrency: options.spillConcurrency ?? 4,
      retryMs: this.#retryMs,
      clock,
      onPressure: options.onPressure,
    });
  }

  get residentBytes(): number {
    return this.#resident;
  }

  get metrics(): SinkMetrics {
    let heldEmits = 0;
    for (const { room } of this.#waiting) heldEmits += room.length;
    return {
      residentBytes: this.#resident,
      peakResidentBytes: this.#peak,
      values: this.#values,
      spilledBytes: this.#spilled,
      spills: this.#spills,
      spillFailures: this.#spiller.failures,
      handoverFiles: this.handovers?.fileCount ?? 0,
      spareHandoverBytes: this.handovers?.spareBytes ?? 0,
      heldEmits,
    };
  }

  forNamespace(namespace: string): NamespaceSink {
    let sink = this.#sinks.get(namespace);
    if (sink === undefined) {
      if (this.#sinks.size >= MAX_EMPTY) this.#forgetEmpty();
      this.#sinks.set(namespace, (sink = new NamespaceSink(namespace, this)));
    }
    return sink;
  }

  hasRoom({ bytes }: NamespaceSink, more = 0): boolean {
    return this.#allows(bytes + more, this.#resident + more, this.#small + more);
  }

  admit(namespace: string): void {
    const sink = this.#sinks.get(namespace);
    if (!this.#spiller.isPaused || sink === undefined || sink.hasRoom) return;
    throw new SinkError(
      'FULL',
      `The data sink has reached its limit of ${this.limitBytes} bytes, cannot write to disk, and the namespace ${namespace} has more than its share.`,
    );
  }

  changed(sink: NamespaceSink, values: number, bytes: number): void {
    sink.values += values;
    this.#values += values;
    if (bytes === 0) return;
    const { reserve } = this.#share;
    const before = sink.bytes;
    sink.bytes += bytes;
    this.#resident += bytes;
    if (before < reserve) this.#small -= before;
    if (sink.bytes < reserve) this.#small += sink.bytes;
    if (this.#resident > this.#peak) this.#peak = this.#resident;
    this.#trimSpares();
    if (bytes > 0) {
      this.#pokeFor(sink);
      return;
    }
    sink.releases++;
    if (this.#waiting.size > 0) for (const { room } of this.#waiting) room.roomMade();
  }

  mayPack({ packedBytes }: NamespaceSink, bytes: number): boolean {
    return this.#packShare.allows(packedBytes + bytes, this.#packShare.total - this.#packed - bytes);
  }

  packed(bytes: number): void {
    this.#packed += bytes;
  }

  waits(sink: NamespaceSink): void {
    this.#waiting.add(sink);
    this.#cancelCheck ??= this.#clock.after(this.#retryMs, this.#checkProgress);
  }

  maySpill(sink: NamespaceSink): void {
    this.#spillable.add(sink);
    this.#pokeFor(sink);
  }

  spilling(bytes: number): void {
    this.#spilling += bytes;
  }

  /** The next leaf to write to disk: the oldest of the largest namespace that is over its share. */
  nextToSpill(): Leaf | undefined {
    let largest: NamespaceSink | undefined;
    for (const sink of this.#spillable) {
      if (sink.waitingList.isEmpty) this.#spillable.delete(sink);
      else if (this.#isOver(sink) && (largest === undefined || sink.bytes > largest.bytes)) largest = sink;
    }
    return largest?.waitingList.takeOldest();
  }

  receiveFile(size: number, arrived: (path: string, shape: number) => Value): IncomingValue {
    const file = path.join(this.#spillDirectory, `incoming-${++this.#incomingFiles}`);
    const kept = (shape: number): Value => {
      this.#spilled += size;
      return arrived(file, shape);
    };
    return new IncomingFile(file, kept, (closed) => {
      const work = closed.then(() => this.unlink(file));
      this.#unlinks.add(work);
      void work.then(() => this.#unlinks.delete(work));
    });
  }

  spilled(leaf: Leaf, path: string): void {
    if (leaf.place === Place.HANDOVER) {
      const path = leaf.kept as string;
      this.handovers!.forget(path);
      this.unlink(path);
    }
    leaf.movedToDisk(path);
    this.#spills++;
    this.#spilled += leaf.size;
  }

  spillGone(leaf: Leaf): void {
    this.unlink(leaf.kept as string);
    this.#spilled -= leaf.size;
  }

  /** Frees the file's pages although a container may have it open. */
  empty(path: string): void {
    const work = fs.promises.truncate(path).catch(() => undefined);
    this.#unlinks.add(work);
    void work.then(() => {
      this.#unlinks.delete(work);
      this.unlink(path);
    });
  }

  /** Removes the file off the event loop: freeing the pages of a large file takes milliseconds. */
  unlink(path: string): void {
    const work = fs.promises.unlink(path).then(
      () => undefined,
      () => undefined,
    );
    this.#unlinks.add(work);
    void work.then(() => this.#unlinks.delete(work));
  }

  /** Waits for spills and removals in progress, then removes the sink's directories, with all values in files. */
  async close(): Promise<void> {
    this.#cancelCheck?.();
    this.#waiting.clear();
    this.handovers?.close();
    await this.#spiller.close();
    while (this.#unlinks.size > 0) await Promise.all(this.#unlinks);
    await fs.promises.rm(this.#spillDirectory, { recursive: true, force: true });
    if (this.handovers !== undefined) await fs.promises.rm(this.handovers.path, { recursive: true, force: true });
  }

  /** True when a namespace may have `mine` bytes while all have `resident`, and those below the reserve `small` together. */
  #allows(mine: number, resident: number, small: number): boolean {
    const { reserve } = this.#share;
    const left = this.limitBytes - resident;
    // A namespace above the reserve gets nothing of it: else all of them together could have several times the limit.
    return this.#share.allows(mine, mine < reserve ? Math.max(left, reserve - small) : left);
  }

  /** True when the namespace exceeds its share, bytes being written to disk not counted. */
  #isOver({ bytes, spillingBytes }: NamespaceSink): boolean {
    return !this.#allows(bytes - spillingBytes, this.#resident - this.#spilling, this.#small);
  }

  #pokeFor(sink: NamespaceSink): void {
    // Below this, growth elsewhere puts no namespace over its share but the largest, which grows itself or soon will.
    if (this.#spillable.size > 0 && (this.#resident > this.#share.most || !this.hasRoom(sink))) this.#spiller.poke();
  }

  /**
   * Handles emits that wait while their namespace has nothing to spill: its values are in use, maybe by the very functions
   * that wait. Such emits are let go, a window at a time, since holding them frees nothing. A namespace far over the limit
   * without releases has its youngest activation fail.
   */
  readonly #checkProgress = (): void => {
    this.#cancelCheck = undefined;
    for (const sink of this.#waiting) {
      const moves = sink.releases > 0;
      sink.releases = 0;
      if (sink.room.length === 0) this.#waiting.delete(sink);
      else if (sink.hasRoom || !sink.nothingToSpill) continue;
      else if (moves || sink.bytes < STUCK_FACTOR * this.limitBytes) sink.room.callAll();
      else this.#stuck(sink);
    }
    if (this.#waiting.size > 0) this.#cancelCheck = this.#clock.after(this.#retryMs, this.#checkProgress);
  };

  #stuck({ namespace, bytes }: NamespaceSink): void {
    const message = `The data sink has reached its limit of ${this.limitBytes} bytes: the namespace ${namespace} has ${bytes} bytes in use, and nothing that waits and could be written to disk.`;
    this.#onPressure?.(new SinkError('SPILL_FAILED', message), namespace);
  }

  /** Spare files may take only what values leave of the limit. */
  #trimSpares(): void {
    const { handovers } = this;
    if (handovers === undefined || handovers.spareBytes === 0) return;
    handovers.trimSpares(this.limitBytes - this.#resident);
  }

  #forgetEmpty(): void {
    for (const [namespace, { values, bytes, room }] of this.#sinks)
      if (values === 0 && bytes === 0 && room.length === 0) this.#sinks.delete(namespace);
  }
}
