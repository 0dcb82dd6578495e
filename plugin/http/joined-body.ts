import type { BodyBudget } from './body-budget.js';

const FIRST_BYTES = 16 * 1024;
/** Each copy to a larger buffer is a quarter of what may be read at most until the next. */
const GROWTH = 4;

/** A body that came in more than one chunk: copied into one buffer as it comes, so that no chunk is kept. */
export class JoinedBody {
  #buffer = Buffer.alloc(0);
  #length = 0;
  /** Bytes of the buffer, which may be given away. */
  #size = 0;
  #released = false;

  readonly #budget: BodyBudget;
  readonly #owner: string;
  readonly #mostBytes: number;

  /** @param mostBytes What it can come to. */
  constructor(budget: BodyBudget, owner: string, mostBytes: number) {
    this.#budget = budget;
    this.#owner = owner;
    this.#mostBytes = mostBytes;
  }

  get length(): number {
    return this.#length;
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** False when there is no room for it. */
  append(chunk: Buffer): boolean {
    const length = this.#length + chunk.length;
    if (length > this.#size && !this.#grow(length)) return false;
    chunk.copy(this.#buffer, this.#length);
    this.#length = length;
    return true;
  }

  /** The bytes are no longer needed; once is enough. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#budget.give(this.#owner, this.#size);
  }

  #grow(needed: number): boolean {
    const size = Math.max(needed, Math.min(this.#mostBytes, Math.max(FIRST_BYTES, this.#size * GROWTH)));
    if (this.#released || !this.#budget.take(this.#owner, size - this.#size)) return false;
    const buffer = Buffer.allocUnsafeSlow(size);
    this.bytes.copy(buffer);
    this.#buffer = buffer;
    this.#size = size;
    return true;
  }
}
