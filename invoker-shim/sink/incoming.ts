import { type FileHandle, open } from 'node:fs/promises';
import type { IncomingValue, Value } from './value.js';

/** A value that arrives in memory. Its whole size counts as resident from the start. */
export class IncomingMemory implements IncomingValue {
  readonly inMemory = true;
  readonly #bytes: Buffer;
  #fill = 0;

  readonly #arrived: (bytes: Buffer, shape: number) => Value;

  constructor(
    size: number,
    arrived: (bytes: Buffer, shape: number) => Value,
    readonly discard: () => void,
  ) {
    this.#arrived = arrived;

    // The pages are not touched before bytes arrive: a size that is only announced takes no memory.
    this.#bytes = Buffer.allocUnsafeSlow(size);
  }

  write(chunk: Buffer): undefined {
    this.#bytes.set(chunk, this.#fill);
    this.#fill += chunk.length;
  }

  seal(shape: number): Value {
    return this.#arrived(this.#bytes, shape);
  }
}

/** A value that arrives in a file, which no container has access to. */
export class IncomingFile implements IncomingValue {
  readonly inMemory = false;
  readonly #file: Promise<FileHandle>;
  /** Settles when the bytes that arrived so far are written. */
  #written: Promise<void>;
  #discarded = false;

  readonly #arrived: (shape: number) => Value;
  /** Called when it is discarded, with a promise that is fulfilled when the file is closed. */
  readonly #remove: (closed: Promise<void>) => void;

  constructor(path: string, arrived: (shape: number) => Value, remove: (closed: Promise<void>) => void) {
    this.#arrived = arrived;
    this.#remove = remove;

    this.#file = open(path, 'wx', 0o600);
    this.#written = this.#file.then(() => undefined);
    // `write` and `seal` reject with the same error.
    this.#written.catch(() => undefined);
  }

  write(chunk: Buffer): Promise<void> {
    const own = Buffer.from(chunk);
    this.#written = this.#written.then(async () => {
      if (!this.#discarded) await (await this.#file).appendFile(own);
    });
    return this.#written;
  }

  async seal(shape: number): Promise<Value> {
    await this.#written;
    await (await this.#file).close();
    return this.#arrived(shape);
  }

  discard(): void {
    this.#discarded = true;
    this.#remove(this.#close());
  }

  async #close(): Promise<void> {
    try {
      await this.#written.catch(() => undefined);
      await (await this.#file).close();
    } catch {
      // It was never made.
    }
  }
}
