import type { Pipe, Token, TokenReceiver } from '../pipe.js';

/** A pipe that delivers when the test says so, in any order, and some tokens again. */
export class HostilePipe implements Pipe {
  readonly #tokens: Token[] = [];

  readonly #receive: TokenReceiver;
  readonly #crowded: boolean;

  /** @param crowded Says of every token that the way is full. */
  constructor(receive: TokenReceiver, crowded = false) {
    this.#receive = receive;
    this.#crowded = crowded;
  }

  get waiting(): number {
    return this.#tokens.length;
  }

  send(token: Token): boolean {
    this.#tokens.push(token);
    return !this.#crowded;
  }

  /** Delivers one of the tokens that wait; `again`: it stays, to come once more. */
  deliver(choice: number, again: boolean): void {
    const at = choice % this.#tokens.length;
    const token = this.#tokens[at]!;
    if (again) {
      token.value?.retain();
    } else {
      const last = this.#tokens.pop()!;
      if (last !== token) this.#tokens[at] = last;
    }
    this.#receive(token);
  }

  drained(): Promise<void> {
    return Promise.resolve();
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}
