import fs from 'node:fs';
import { rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Clock } from '@dataflower/common';
import { firstWritable, makePrivateDirectory } from '@dataflower/common/process';
import { SharedDirectory, type SharedMemoryBudget } from './shared-directory.js';

/** Share of the machine's memory for the files of all containers. */
const SHARE_OF_MEMORY = 1 / 8;

/** The directories in shared memory of one agent's containers. Those of dead agents are removed when an agent starts. */
export class SharedDirectories implements SharedMemoryBudget {
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

  /** Undefined where the machine has no shared memory: values travel as streams then. */
  static open(clock: Clock): SharedDirectories | undefined {
    const memory = firstWritable(['/dev/shm']);
    return memory === undefined ? undefined : new SharedDirectories(makePrivateDirectory(memory, 'boxes'), clock);
  }

  reserve(bytes: number): boolean {
    if (this.#bytes + bytes > this.#maxBytes) return false;
    this.#bytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
  }

  make(): SharedDirectory {
    const directory = path.join(this.#directory, `${++this.#count}`);
    fs.mkdirSync(directory);
    return new SharedDirectory(directory, this, this.#clock);
  }

  remove(directory: SharedDirectory): void {
    const removal = directory
      .remove()
      // `close` removes the directory above it.
      .catch(() => undefined)
      .finally(() => this.#removals.delete(removal));
    this.#removals.add(removal);
  }

  async close(): Promise<void> {
    await Promise.all(this.#removals);
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 2 });
  }
}
