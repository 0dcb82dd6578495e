import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { SinkError } from './errors.js';
import { firstWritable, makePrivateDirectory } from '@dataflower/common/process';
import { type HandoverWriter, type KnownFile, SpareFiles, type SpareFilesOptions, recycle } from './spare-files.js';

/** A file of a `HandoverDirectory` until it becomes a value or is discarded. */
export interface OpenHandover extends KnownFile {
  /** Bytes that the file system does not count as used yet. */
  readonly newBytes: number;
}

/** A shared-memory directory of this agent in which containers leave large values. Bounds are in bytes. */
export class HandoverDirectory {
  #nextFile = 0;
  /** Files that are open, sealed or kept. */
  #usedBytes = 0;
  /** The part of `usedBytes` that containers may still be writing: the file system does not count it as used yet. */
  #openBytes = 0;
  #files = 0;
  readonly #sealed = new Map<string, OpenHandover>();
  readonly #spares: SpareFiles;
  readonly #removeFile: (file: KnownFile) => void;

  readonly #maxBytes: number;

  constructor(
    readonly path: string,
    maxBytes: number,
    spareOptions: SpareFilesOptions,
  ) {
    this.#maxBytes = maxBytes;

    this.#removeFile = spareOptions.remove;
    this.#spares = new SpareFiles({
      ...spareOptions,
      remove: (file) => {
        this.#usedBytes -= file.size;
        this.#removeFile(file);
      },
    });
  }

  /** Number of files that are open or sealed. */
  get fileCount(): number {
    return this.#files;
  }

  /** Bytes of files that are kept for their writers. */
  get spareBytes(): number {
    return this.#spares.bytes;
  }

  /** A file for `size` bytes; undefined when the limit, the free space or the file system does not allow it. */
  allocate(size: number, writer: HandoverWriter): OpenHandover | undefined {
    if (!Number.isSafeInteger(size) || size < 1) return undefined;
    const file = this.#reuse(size, writer) ?? this.#make(size, writer);
    if (file === undefined) return undefined;
    this.#files++;
    this.#usedBytes += size;
    this.#openBytes += file.newBytes;
    return file;
  }

  /** Checks the file that the container wrote. @throws SinkError HANDOVER_REFUSED when it is not as announced. */
  seal(file: OpenHandover): void {
    let found: string;
    try {
      const stats = fs.lstatSync(file.path);
      if (stats.isFile() && stats.size === file.size && stats.nlink === 1) {
        this.#openBytes -= file.newBytes;
        this.#sealed.set(file.path, file);
        return;
      }
      found = stats.isFile() ? `${stats.size} bytes` : 'something that is not a file';
    } catch (error) {
      found = (error as Error).message;
    }
    throw new SinkError('HANDOVER_REFUSED', `a hand-over file of ${file.size} bytes was announced, found ${found}`);
  }

  /** Gives up a file that was not sealed. */
  discard(file: OpenHandover): void {
    this.#openBytes -= file.newBytes;
    this.#files--;
    this.#usedBytes -= file.size;
  }

  /** Ends the use of a sealed file whose value is released. True when the file is kept; else the caller removes it. */
  release(path: string): boolean {
    const file = this.#sealed.get(path)!;
    if (this.#spares.keep(file)) {
      this.#sealed.delete(path);
      this.#files--;
      return true;
    }
    this.forget(path);
    return false;
  }

  /** Ends the use of a sealed file that is not to be kept. */
  forget(path: string): void {
    const file = this.#sealed.get(path)!;
    this.#sealed.delete(path);
    this.#files--;
    this.#usedBytes -= file.size;
  }

  /** Keeps at most `maxBytes` of spare files. */
  trimSpares(maxBytes: number): void {
    this.#spares.trim(maxBytes);
  }

  /** Called when the container has ended: its files are not kept. */
  writerGone(writer: HandoverWriter): void {
    writer.gone = true;
    this.#spares.dropWriter(writer);
  }

  close(): void {
    this.#spares.close();
  }

  #reuse(size: number, writer: HandoverWriter): OpenHandover | undefined {
    const spare = this.#spares.take(writer, size);
    if (spare === undefined) return undefined;
    this.#usedBytes -= spare.size;
    const newBytes = Math.max(0, size - spare.size);
    if (this.#hasRoomFor(size, newBytes) && recycle(spare, size)) return { ...spare, size, newBytes };
    this.#removeFile(spare);
    return undefined;
  }

  #make(size: number, writer: HandoverWriter): OpenHandover | undefined {
    // Spare files are removed first. While the file system still counts them, the value travels as a stream.
    if (!this.#hasRoomFor(size, size)) this.#spares.trim(0);
    if (!this.#hasRoomFor(size, size)) return undefined;
    const file = path.join(this.path, `value-${++this.#nextFile}`);
    try {
      const descriptor = fs.openSync(file, 'wx', 0o600);
      const { ino } = fs.fstatSync(descriptor);
      fs.closeSync(descriptor);
      return { path: file, inode: ino, size, writer, newBytes: size };
    } catch {
      return undefined;
    }
  }

  #hasRoomFor(size: number, newBytes: number): boolean {
    if (this.#usedBytes + size > this.#maxBytes) return false;
    if (newBytes === 0) return true;
    try {
      const { bavail, bsize } = fs.statfsSync(this.path);
      return bavail * bsize - this.#openBytes >= newBytes;
    } catch {
      return false;
    }
  }
}

/** Makes the directory for hand-over files; undefined where none can be made, and for `false`. */
export function openHandovers(
  base: string | false | undefined,
  maxBytes: number,
  spares: SpareFilesOptions,
): HandoverDirectory | undefined {
  if (base === false) return undefined;
  const parent = firstWritable(base === undefined ? ['/dev/shm', os.tmpdir()] : [base]);
  return parent === undefined
    ? undefined
    : new HandoverDirectory(makePrivateDirectory(parent, 'sink'), maxBytes, spares);
}
