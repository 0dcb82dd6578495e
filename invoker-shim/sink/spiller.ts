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

/** Where the spiller gets its leaves. */
export interface SpillSource {
  readonly limitBytes: number;
  /** Takes the next leaf to write to disk out of the waiting lists; undefined while every namespace has at most its share. */
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
 * A value may be used or released while its bytes are being written: it then stays where it was, and the copy is removed.
 * After a failure the spiller pauses for `retryMs`, and reports one error for the pause.
 */
export class Spiller {
  readonly #inFlight = new Set<Promise<void>>();
  #nextFile = 0;
  #cancelRetry: (() => void) | undefined = undefined;
  #closed = false;
  failures = 0;

  readonly #source: SpillSource;
  readonly #options: SpillerOptions;

  constructor(source: SpillSource, options: SpillerOptions) {
    this.#source = source;
    this.#options = options;
  }

  /** True during the pause after a failure. */
  get isPaused(): boolean {
    return this.#cancelRetry !== undefined;
  }

  /** Starts as many writes as are needed, within the bound. */
  poke(): void {
    while (this.#mayStart()) {
      const leaf = this.#source.nextToSpill();
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
    leaf.account.leafSpilling(size);
    let failure: unknown;
    try {
      await this.#copyOut(leaf, target);
    } catch (error) {
      failure = error;
    }
    leaf.spilling = false;
    leaf.account.leafSpilling(-size);
    const wanted = leaf.alive && leaf.isSpillable;
    if (failure === undefined && wanted) {
      leaf.account.leafSpilled(leaf, target);
      return;
    }
    // A hand-over file may vanish during the copy because its value was released: the disk has not failed.
    if (failure !== undefined && leaf.alive) this.#failed(failure, leaf);
    if (wanted) leaf.account.leafKept(leaf);
    await this.#remove(target);
  }

  #copyOut(leaf: Leaf, target: string): Promise<void> {
    const { kept } = leaf;
    if (typeof kept !== 'string') return this.#options.files.write(target, kept);
    if (leaf.place === Place.HANDOVER) return this.#options.files.copy(kept, target);
    return Promise.reject(new TypeError('only bytes in memory can be spilled'));
  }

  #failed(cause: unknown, { account }: Leaf): void {
    this.failures++;
    if (this.#closed || this.#cancelRetry !== undefined) return;
    this.#cancelRetry = this.#options.clock.after(this.#options.retryMs, () => {
      this.#cancelRetry = undefined;
      this.poke();
    });
    if (account.hasRoom) return;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `The data sink has reached its limit of ${this.#source.limitBytes} bytes and cannot write waiting values to disk: ${reason}`;
    this.#options.onPressure?.(new SinkError('SPILL_FAILED', message, { cause }), account.namespace);
  }

  async #remove(file: string): Promise<void> {
    try {
      await this.#options.files.remove(file);
    } catch {
      // It was never made, or is removed with its directory when the sink closes.
    }
  }

  /** Starts no more writes and waits for those in progress. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRetry?.();
    while (this.#inFlight.size > 0) await Promise.allSettled(this.#inFlight);
  }
}
