import type { BodyBudget } from './body-budget.js';

const FIRST_BYTES = 16 * 1024;
/** Factor by which the buffer grows. */
const GROWTH = 4;

/** A body of several chunks, which are copied into one buffer on arrival so that no chunk is kept. */
export class JoinedBody {
  #buffer = Buffer.alloc(0);
  #length = 0;
  /** Size of the buffer, which its reader may transfer to another thread: then its own length is 0. */
  #size = 0;
  #released = false;

  readonly #budget: BodyBudget;
  readonly #owner: string;
  readonly #mostBytes: number;

  /** @param mostBytes Largest possible size of the body. */
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

  /** False when the budget has no room for the chunk. */
  append(chunk: Buffer): boolean {
    const length = this.#length + chunk.length;
    if (length > this.#size && !this.#grow(length)) return false;
    chunk.copy(this.#buffer, this.#length);
    this.#length = length;
    return true;
  }

  /** Returns the bytes to the budget. Further calls do nothing. */
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
