import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const PAGE_BYTES = 4096;

/** A file system in memory with room for little, which only root can have. */
export class SmallDisk {
  readonly #filler: string;

  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;

    this.#filler = join(directory, 'filler');
  }

  /** Mounts one over a directory, which is made. */
  static mount(directory: string, bytes: number): SmallDisk {
    mkdirSync(directory, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', directory]);
    return new SmallDisk(directory);
  }

  /** Leaves room for so many pages of 4096 bytes. */
  fill(pages: number): void {
    const file = openSync(this.#filler, 'w');
    const page = Buffer.alloc(PAGE_BYTES, 1);
    let written = 0;
    try {
      for (;;) written += writeSync(file, page);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      ftruncateSync(file, written - (written % PAGE_BYTES) - pages * PAGE_BYTES);
    } finally {
      closeSync(file);
    }
  }

  /** Gives all room back. */
  free(): void {
    rmSync(this.#filler, { force: true });
  }

  unmount(): void {
    execFileSync('umount', [this.#directory]);
  }
}
