import { type FileHandle, open } from 'node:fs/promises';
import type { ValueReader } from './value.js';

/** Reads a value in memory. */
export class MemoryReader implements ValueReader {
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get size(): number {
    return this.#bytes.length;
  }

  read(at: number, length: number): Buffer {
    return this.#bytes.subarray(at, at + length);
  }

  close(): void {
    // It holds nothing open.
  }
}

/** Reads a value in a file, which may be moved to another file between two reads. */
export class FileReader implements ValueReader {
  #handle: FileHandle | undefined;
  #path: string;

  /** The file where the bytes are now. */
  readonly #pathNow: () => string;

  constructor(
    readonly size: number,
    pathNow: () => string,
  ) {
    this.#pathNow = pathNow;

    this.#path = pathNow();
  }

  async read(at: number, length: number): Promise<Buffer> {
    this.#handle ??= await this.#open();
    // A container may have made its file longer after it was sealed.
    const wanted = Math.max(0, Math.min(length, this.size - at));
    const { bytesRead, buffer } = await this.#handle.read(Buffer.allocUnsafe(wanted), 0, wanted, at);
    return buffer.subarray(0, bytesRead);
  }

  close(): void {
    const handle = this.#handle;
    this.#handle = undefined;
    handle?.close().catch(() => undefined);
  }

  async #open(): Promise<FileHandle> {
    for (;;) {
      try {
        return await open(this.#path, 'r');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        const moved = this.#pathNow();
        if (moved === this.#path) throw error;
        this.#path = moved;
      }
    }
  }
}
