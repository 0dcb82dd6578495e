import fs from 'node:fs';
import type { Clock } from '@dataflower/common';

/** Smaller files are made anew each time: their few pages cost less than the keeping. */
const MIN_BYTES = 1024 * 1024;
/** A kept file may be so much longer than what it is used for: to cut a long one costs what its pages are worth. */
const MAX_RATIO = 1.25;

/** Who fills hand-over files: one container in its life. */
export interface HandoverWriter {
  /** It has ended; none of its files is kept any more. */
  gone: boolean;
}

/** A file of the agent's, known by its inode as well as its name. */
export interface KnownFile {
  readonly path: string;
  readonly inode: number;
  readonly size: number;
  readonly writer: HandoverWriter;
}

export interface SpareFilesOptions {
  /** Bytes kept at most. */
  readonly maxBytes: number;
  /** A file that nobody has used for so long, in milliseconds, is removed. */
  readonly keepMs: number;
  readonly clock: Clock;
  /** Removes a file that is not kept any more. */
  readonly remove: (file: KnownFile) => void;
}

/**
 * Hand-over files whose values are released, kept a while for the container that filled them: to write into pages that
 * exist takes little more than half the time that new ones take.
 *
 * Why that shows nobody anything:
 *
 * - Its writer may have kept a descriptor and can write into a file at any time. So a file goes back only to *the
 *   container that filled it*: what a kept descriptor can spoil are that container's own values, and those it could
 *   spoil with a new file for each of them just as well.
 * - What is still in a file when it is given again was written by the container that gets it.
 * - A reader may have kept a descriptor, too, and sees what the container hands over later. Both are of one namespace: a
 *   container works for one, and its values go to containers of the same. No file comes into another namespace.
 * - A file is kept when the last reference to its value is released. A consumer's function starts only when its container
 *   has read the whole value, and its run holds a reference until it ends; a container from which the run was taken away
 *   may be reading still, and drops what it reads.
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

  /** True when the file is kept; else it is the caller's to remove. */
  keep(file: KnownFile): boolean {
    const { maxBytes, clock } = this.#options;
    if (this.#closed || file.writer.gone || file.size < MIN_BYTES || file.size > maxBytes) return false;
    this.trim(maxBytes - file.size);
    this.#files.push({ file, since: clock.now() });
    this.#keptBytes += file.size;
    this.#armSweep();
    return true;
  }

  /** One of the writer's own files, the nearest in size, which is its caller's from now on and has to be `recycle`d. */
  take(writer: HandoverWriter, size: number): KnownFile | undefined {
    let best: KnownFile | undefined;
    for (const { file } of this.#files) {
      if (file.writer !== writer || file.size > size * MAX_RATIO || file.size < size / 2) continue;
      if (best === undefined || Math.abs(file.size - size) < Math.abs(best.size - size)) best = file;
    }
    if (best !== undefined) this.#forget((file) => file === best);
    return best;
  }

  /** Removes the oldest files until at most so many bytes are kept. */
  trim(maxBytes: number): void {
    while (this.#keptBytes > Math.max(0, maxBytes)) this.#drop(this.#files[0]!.file);
  }

  /** Removes what a container has left that has ended. */
  dropWriter(writer: HandoverWriter): void {
    for (const { file } of this.#files.filter((kept) => kept.file.writer === writer)) this.#drop(file);
  }

  /** Keeps nothing and waits for nothing any more. */
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
 * Gives a kept file the size of what is written into it next. False when it is not the file that the agent made any
 * more; then nobody may use it.
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
