import fs from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '@dataflower/common';
import { SinkError } from './errors.js';
import { type Leaf, Place } from './leaf.js';

/** The file operations of spilling, so that a test can fail them. */
export interface SpillFiles {
  write(path: string, bytes: Buffer): Promise<void>;
  copy(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
}

export const diskFiles: SpillFiles = {
  write: (to, bytes) => fs.writeFile(to, bytes, { flag: 'wx', mode: 0o600 }),
  copy: (from, to) => fs.copyFile(from, to, fs.constants.COPYFILE_EXCL),
  remove: (file) => fs.unlink(file),
};

/** What the spiller needs of the sink. */
export interface SpillOwner {
  readonly limitBytes: number;
  /** The next leaf to write to disk, which is taken out of those that may be; undefined: nobody is over their share. */
  nextToSpill(): Leaf | undefined;
}

export interface SpillerOptions {
  readonly files: SpillFiles;
  readonly directory: string;
  readonly concurrency: number;
  readonly retryMs: number;
  readonly clock: Clock;
  readonly onPressure: ((error: Error, namespace: string) => void) | undefined;
}

/**
 * Writes waiting values of namespaces that are over their share to disk: a few at a time, off the event loop.
 *
 * A value may be used or released while its bytes are on their way: it then stays what it was, and the copy is
 * removed. After a failure the spiller rests for `retryMs`; that pause is one episode, reported once.
 */
export class Spiller {
  readonly #inFlight = new Set<Promise<void>>();
  #nextFile = 0;
  #cancelRetry: (() => void) | undefined = undefined;
  #closed = false;
  failures = 0;

  readonly #owner: SpillOwner;
  readonly #options: SpillerOptions;

  constructor(owner: SpillOwner, options: SpillerOptions) {
    this.#owner = owner;
    this.#options = options;
  }

  /** True for a while after a failure. */
  get rests(): boolean {
    return this.#cancelRetry !== undefined;
  }

  /** Starts as many writes as it takes, within the bound. */
  poke(): void {
    while (this.#mayStart()) {
      const leaf = this.#owner.nextToSpill();
      if (leaf === undefined) return;
      const work = this.#spill(leaf).finally(() => {
        this.#inFlight.delete(work);
        this.poke();
      });
      this.#inFlight.add(work);
    }
  }

  #mayStart(): boolean {
    return !this.#closed && this.#cancelRetry === undefined && this.#inFlight.size < this.#options.concurrency;
  }

  async #spill(leaf: Leaf): Promise<void> {
    const target = path.join(this.#options.directory, `value-${++this.#nextFile}`);
    const size = leaf.size;
    leaf.spilling = true;
    leaf.owner.leafSpilling(size);
    let failure: unknown;
    try {
      await this.#copyOut(leaf, target);
    } catch (error) {
      failure = error;
    }
    leaf.spilling = false;
    leaf.owner.leafSpilling(-size);
    const wanted = leaf.alive && leaf.isSpillable;
    if (failure === undefined && wanted) {
      leaf.owner.leafSpilled(leaf, target);
      return;
    }
    // A hand-over file may vanish under the copy because its value was released: that is no failure of the disk.
    if (failure !== undefined && leaf.alive) this.#failed(failure, leaf);
    if (wanted) leaf.owner.leafKept(leaf);
    await this.#remove(target);
  }

  #copyOut(leaf: Leaf, target: string): Promise<void> {
    const body = leaf.currentBody;
    if (body.at === 'memory') return this.#options.files.write(target, body.bytes);
    if (body.at === 'file' && leaf.place === Place.HANDOVER) return this.#options.files.copy(body.path, target);
    return Promise.reject(new TypeError('only bytes in memory can be spilled'));
  }

  #failed(cause: unknown, { owner }: Leaf): void {
    this.failures++;
    if (this.#closed || this.#cancelRetry !== undefined) return;
    this.#cancelRetry = this.#options.clock.after(this.#options.retryMs, () => {
      this.#cancelRetry = undefined;
      this.poke();
    });
    if (owner.hasRoom) return;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `The data sink has reached its limit of ${this.#owner.limitBytes} bytes and cannot write waiting values to disk: ${reason}`;
    this.#options.onPressure?.(new SinkError('SPILL_FAILED', message, { cause }), owner.namespace);
  }

  async #remove(file: string): Promise<void> {
    try {
      await this.#options.files.remove(file);
    } catch {
      // It was never made, or goes with its directory when the sink is closed.
    }
  }

  /** Starts nothing more and waits for what is on its way. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRetry?.();
    while (this.#inFlight.size > 0) await Promise.allSettled(this.#inFlight);
  }
}
