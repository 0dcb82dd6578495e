import { type FileHandle, open } from 'node:fs/promises';
import { inChunks, CHUNK_BYTES } from './file-chunks.js';

/**
 * Copies a file into another that exists, and begins while the source is still being written. Bytes that are overwritten
 * after they were reported as written may be in the copy or not.
 */
export class FileCopy {
  #written = 0;
  #stopped = false;
  #waiting: (() => void)[] = [];
  readonly #copied: Promise<void>;

  readonly #size: number;

  constructor(from: string, to: string, size: number) {
    this.#size = size;

    this.#copied = this.#copy(from, to);
    // `whole` reports the error; after `stop` it has no reader.
    this.#copied.catch(() => undefined);
  }

  /** The first `bytes` of the source are written. */
  written(bytes: number): void {
    this.#written = Math.max(this.#written, bytes);
    this.#wake();
  }

  /** The source is written; resolves when the copy is complete. Rejects when the source has become shorter. */
  whole(): Promise<void> {
    this.written(this.#size);
    return this.#copied;
  }

  /** Gives the copy up. Resolves when neither file is in use any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake();
    await this.#copied.catch(() => undefined);
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) go();
  }

  async #copy(from: string, to: string): Promise<void> {
    const source = await open(from, 'r');
    let target: FileHandle | undefined;
    try {
      target = await open(to, 'r+');
      const sink = target;
      const spare: Buffer[] = [];
      await inChunks(0, this.#size, async (at, length) => {
        while (this.#written < at + length && !this.#stopped) await new Promise<void>((go) => this.#waiting.push(go));
        if (this.#stopped) throw new Error('the copy was given up');
        const buffer = spare.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
        const { bytesRead } = await source.read(buffer, 0, length, at);
        if (bytesRead !== length) throw new Error(`a hand-over file has become shorter than its ${this.#size} bytes`);
        await sink.write(buffer, 0, length, at);
        spare.push(buffer);
      });
    } finally {
      await source.close();
      await target?.close();
    }
  }
}
