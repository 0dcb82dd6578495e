import fs from 'node:fs';
import { rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Clock } from '@dataflower/common';
import { firstWritable, makePrivateDirectory } from '@dataflower/common/process';
import { SharedBox, type SharedRoom } from './shared-directory.js';

/** Of the machine's memory, what files that containers fill may take. */
const SHARE_OF_MEMORY = 1 / 8;

/** The directories in shared memory of one agent's containers; those of agents that are no more go when one starts. */
export class SharedBoxes implements SharedRoom {
  readonly #removals = new Set<Promise<void>>();
  readonly #maxBytes = os.totalmem() * SHARE_OF_MEMORY;
  #bytes = 0;
  #count = 0;

  readonly #directory: string;
  readonly #clock: Clock;

  private constructor(directory: string, clock: Clock) {
    this.#directory = directory;
    this.#clock = clock;
  }

  /** Undefined where there is no shared memory: values travel as streams then. */
  static open(clock: Clock): SharedBoxes | undefined {
    const memory = firstWritable(['/dev/shm']);
    return memory === undefined ? undefined : new SharedBoxes(makePrivateDirectory(memory, 'boxes'), clock);
  }

  reserve(bytes: number): boolean {
    if (this.#bytes + bytes > this.#maxBytes) return false;
    this.#bytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
  }

  make(): SharedBox {
    const directory = path.join(this.#directory, `${++this.#count}`);
    fs.mkdirSync(directory);
    return new SharedBox(directory, this, this.#clock);
  }

  remove(box: SharedBox): void {
    const removal = box
      .remove()
      // What is left of it goes with the directory that it is in.
      .catch(() => undefined)
      .finally(() => this.#removals.delete(removal));
    this.#removals.add(removal);
  }

  async close(): Promise<void> {
    await Promise.all(this.#removals);
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 2 });
  }
}
