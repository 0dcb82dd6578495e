import fs from 'node:fs';
import type { Clock } from '@dataflower/common';

/** Smallest file that is kept, in bytes: the few pages of smaller files cost less than keeping them. */
const MIN_BYTES = 1024 * 1024;
/** Largest ratio of a kept file's size to the new size: shortening a long file costs as much as its pages save. */
const MAX_RATIO = 1.25;

/** The writer of hand-over files: one container, from start to end. */
export interface HandoverWriter {
  /** True after the container's end: its files are no longer kept. */
  gone: boolean;
}

/** A file that the agent made, identified by its inode as well as its name. */
export interface KnownFile {
  readonly path: string;
  readonly inode: number;
  readonly size: number;
  readonly writer: HandoverWriter;
}

export interface SpareFilesOptions {
  /** Limit of the kept files together, in bytes. */
  readonly maxBytes: number;
  /** Time after which an unused file is removed, in milliseconds. */
  readonly keepMs: number;
  readonly clock: Clock;
  /** Removes a file that is no longer kept. */
  readonly remove: (file: KnownFile) => void;
}

/**
 * Hand-over files whose values are released, kept for a time for the container that filled them: writing into existing
 * pages takes little more than half the time of writing into new ones.
 *
 * Why a kept file reveals nothing to another namespace:
 *
 * - The writer may have kept a descriptor and can write into the file at any time. So a file goes back only to *the container
 *   that filled it*: a kept descriptor can spoil that container's own values alone, which it could also spoil with a new
 *   file for each value.
 * - The old content of a file that is given again was written by the container that gets the file.
 * - A reader may have kept a descriptor, too, and can read the values that the writer hands over later. Both are of one
 *   namespace: a container works for one namespace, and its values go to containers of the same. No file changes its namespace.
 * - A file is kept when the last reference to its value is released. A consumer's function starts only when its container
 *   has read the whole value, and its run holds a reference until it ends. A container whose run was withdrawn may still be
 *   reading; it drops the bytes.
 */
export class SpareFiles {
  /** Oldest first. */
  #files: { file: KnownFile; since: number }[] = [];
  #keptBytes = 0;
  #cancelSweep: (() => void) | undefined = undefined;
  #closed = false;

  readonly #options: SpareFilesOptions;

  constructor(options: SpareFilesOptions) {
    this.#options = options;
  }

  get bytes(): number {
    return this.#keptBytes;
  }

  /** True when the file is kept; else the caller removes it. */
  keep(file: KnownFile): boolean {
    const { maxBytes, clock } = this.#options;
    if (this.#closed || file.writer.gone || file.size < MIN_BYTES || file.size > maxBytes) return false;
    this.trim(maxBytes - file.size);
    this.#files.push({ file, since: clock.now() });
    this.#keptBytes += file.size;
    this.#armSweep();
    return true;
  }

  /** Takes out the writer's file that is nearest in size; the caller owns the file and has to `recycle` it. */
  take(writer: HandoverWriter, size: number): KnownFile | undefined {
    let best: KnownFile | undefined;
    for (const { file } of this.#files) {
      if (file.writer !== writer || file.size > size * MAX_RATIO || file.size < size / 2) continue;
      if (best === undefined || Math.abs(file.size - size) < Math.abs(best.size - size)) best = file;
    }
    if (best !== undefined) this.#forget((file) => file === best);
    return best;
  }

  /** Removes the oldest files until at most `maxBytes` are kept. */
  trim(maxBytes: number): void {
    while (this.#keptBytes > Math.max(0, maxBytes)) this.#drop(this.#files[0]!.file);
  }

  /** Removes the files of a container that has ended. */
  dropWriter(writer: HandoverWriter): void {
    for (const { file } of this.#files.filter((kept) => kept.file.writer === writer)) this.#drop(file);
  }

  /** Removes all files; keeps none from now on. */
  close(): void {
    this.#closed = true;
    this.trim(0);
    this.#cancelSweep?.();
  }

  #drop(dropped: KnownFile): void {
    this.#forget((file) => file === dropped);
    this.#options.remove(dropped);
  }

  #forget(isGone: (file: KnownFile) => boolean): void {
    this.#files = this.#files.filter(({ file }) => {
      if (!isGone(file)) return true;
      this.#keptBytes -= file.size;
      return false;
    });
  }

  #armSweep(): void {
    if (this.#cancelSweep !== undefined || this.#files.length === 0) return;
    const { clock, keepMs } = this.#options;
    this.#cancelSweep = clock.after(Math.max(1, this.#files[0]!.since + keepMs - clock.now()), () => {
      this.#cancelSweep = undefined;
      while (this.#files.length > 0 && this.#files[0]!.since + keepMs <= clock.now()) this.#drop(this.#files[0]!.file);
      this.#armSweep();
    });
  }
}

/**
 * Gives a kept file the size of its next value. False when it is no longer the file that the agent made; it must not be
 * used then.
 */
export function recycle({ path, inode }: KnownFile, size: number): boolean {
  const { O_RDWR, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
  let descriptor: number | undefined;
  try {
    descriptor = fs.openSync(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
    const stats = fs.fstatSync(descriptor);
    if (!stats.isFile() || stats.ino !== inode || stats.nlink !== 1) return false;
    if (stats.size !== size) fs.ftruncateSync(descriptor, size);
    return true;
  } catch {
    return false;
  } finally {
    if (descriptor !== undefined) fs.closeSync(descriptor);
  }
}
