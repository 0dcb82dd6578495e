import { type FileHandle, open } from 'node:fs/promises';
import { inPieces, PIECE_BYTES } from './file-chunks.js';

/**
 * A copy of a file into another that is there, by name and not through links, which begins while the first is still being
 * written. What is written again after it was said to be there may or may not be in the copy.
 */
export class FileCopy {
  #there = 0;
  #stopped = false;
  #waiting: (() => void)[] = [];
  readonly #copied: Promise<void>;

  readonly #size: number;

  constructor(from: string, to: string, size: number) {
    this.#size = size;

    this.#copied = this.#copy(from, to);
    // Whoever wants it asks `whole`; one that is given up has nobody.
    this.#copied.catch(() => undefined);
  }

  /** The first `bytes` of the file are there. */
  there(bytes: number): void {
    this.#there = Math.max(this.#there, bytes);
    this.#wake();
  }

  /** All of the file is there. Rejects when it has become shorter. */
  whole(): Promise<void> {
    this.there(this.#size);
    return this.#copied;
  }

  /** Resolves when neither file is touched any more. */
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
      await inPieces(0, this.#size, async (at, length) => {
        while (this.#there < at + length && !this.#stopped) await new Promise<void>((go) => this.#waiting.push(go));
        if (this.#stopped) throw new Error('the copy was given up');
        const buffer = spare.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES);
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
