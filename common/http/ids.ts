import { randomFillSync } from 'node:crypto';

const POOL_BYTES = 8192;
const ID_BYTES = 16;
const ACCEPTED = /^[\x21-\x7e]{1,128}$/;

/** Makes ids of 32 hex digits from a pool of random bytes: a system call for each would be felt in a hop. */
export class Ids {
  readonly #pool = Buffer.allocUnsafe(POOL_BYTES);
  #at = POOL_BYTES;

  next(): string {
    if (this.#at === POOL_BYTES) {
      randomFillSync(this.#pool);
      this.#at = 0;
    }
    this.#at += ID_BYTES;
    return this.#pool.toString('hex', this.#at - ID_BYTES, this.#at);
  }

  /** OW-3: the caller's, when it is one, else a new one. */
  transaction(header: string | string[] | undefined): string {
    return typeof header === 'string' && ACCEPTED.test(header) && !header.startsWith('sid_') ? header : this.next();
  }
}
