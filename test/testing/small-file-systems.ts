import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from '@jest/globals';

const PAGE_BYTES = 4096;

/**
 * A `describe` whose tests need root, to mount file systems. Without root one skipped test and a line stand for them; with
 * `CI=true` they run, and fail.
 */
export function describeAsRoot(title: string, suite: () => void): void {
  describe(title, () => {
    if (process.getuid?.() === 0 || process.env['CI'] === 'true') {
      suite();
      return;
    }
    process.stderr.write(`Not run without root, since it mounts file systems: ${title}.\n`);
    test.skip('needs root', () => undefined);
  });
}

/** A small file system in memory, mounted on a folder. Needs root. */
export class SmallDisk {
  readonly #filler: string;
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
    this.#filler = join(directory, 'filler');
  }

  /** Creates the folder and mounts a file system on it; `size`: bytes, or a number with a unit as in `4m`. */
  static mount(directory: string, size: number | string): SmallDisk {
    mkdirSync(directory, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'dataflower-test', directory]);
    return new SmallDisk(directory);
  }

  /** Fills the file system, but for this number of pages of 4096 bytes. */
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

  /** Undoes `fill`. */
  free(): void {
    rmSync(this.#filler, { force: true });
  }

  /** Lazy, since a test that fails may leave a server that uses the file system. */
  unmount(): void {
    execFileSync('umount', ['-l', this.#directory]);
  }
}
