import fs from 'node:fs';
import path from 'node:path';
import { SinkError } from './errors.js';

/** One file of a `HandoverDirectory`, from its making to the moment that it becomes a value or is thrown away. */
export interface OpenHandover {
  readonly path: string;
  readonly size: number;
}

/** A shared-memory directory of this agent in which containers leave large values. Bounds are in bytes. */
export class HandoverDirectory {
  private nextFile = 0;
  private usedBytes = 0;
  /** Of `usedBytes`, what containers may still be writing: the file system does not count it yet. */
  private openBytes = 0;
  private files = 0;

  constructor(
    readonly path: string,
    private readonly maxBytes: number,
  ) {}

  /** Files there now, open or sealed. */
  get fileCount(): number {
    return this.files;
  }

  /** An empty file for `size` bytes; undefined when the bound, the free space or the file system says no. */
  allocate(size: number): OpenHandover | undefined {
    if (!Number.isSafeInteger(size) || size < 1 || this.usedBytes + size > this.maxBytes) return undefined;
    const file = { path: path.join(this.path, `value-${++this.nextFile}`), size };
    try {
      const { bavail, bsize } = fs.statfsSync(this.path);
      if (bavail * bsize - this.openBytes < size) return undefined;
      fs.closeSync(fs.openSync(file.path, 'wx', 0o600));
    } catch {
      return undefined;
    }
    this.files++;
    this.usedBytes += size;
    this.openBytes += size;
    return file;
  }

  /** Checks what the container wrote. @throws SinkError HANDOVER_REFUSED when it is not what it announced. */
  seal(file: OpenHandover): void {
    let found: string;
    try {
      const stats = fs.lstatSync(file.path);
      if (stats.isFile() && stats.size === file.size && stats.nlink === 1) {
        this.openBytes -= file.size;
        return;
      }
      found = stats.isFile() ? `${stats.size} bytes` : 'something that is not a file';
    } catch (error) {
      found = (error as Error).message;
    }
    throw new SinkError('HANDOVER_REFUSED', `a hand-over file of ${file.size} bytes was announced, found ${found}`);
  }

  /** The file is no longer wanted (it was never sealed). */
  discard(file: OpenHandover): void {
    this.openBytes -= file.size;
    this.forget(file.size);
  }

  /** A sealed file was unlinked or moved away. */
  forget(size: number): void {
    this.files--;
    this.usedBytes -= size;
  }
}
