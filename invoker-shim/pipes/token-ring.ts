import type { Token } from './pipe.js';

const FIRST_CAPACITY = 16;

/** Tokens in order of arrival: a ring that doubles when it is full, so that a long drain does not move memory. */
export class TokenRing {
  #slots: (Token | undefined)[] = new Array<Token | undefined>(FIRST_CAPACITY).fill(undefined);
  #head = 0;
  #count = 0;

  get length(): number {
    return this.#count;
  }

  push(token: Token): void {
    if (this.#count === this.#slots.length) this.#double();
    this.#slots[(this.#head + this.#count) & (this.#slots.length - 1)] = token;
    this.#count++;
  }

  /** The oldest token; undefined when there is none. */
  shift(): Token | undefined {
    if (this.#count === 0) return undefined;
    const token = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#count--;
    return token;
  }

  #double(): void {
    const older = this.#slots;
    this.#slots = new Array<Token | undefined>(older.length * 2).fill(undefined);
    for (let i = 0; i < this.#count; i++) this.#slots[i] = older[(this.#head + i) & (older.length - 1)];
    this.#head = 0;
  }
}
