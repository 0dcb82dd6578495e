import { type Pipe, PipeClosedError, type Token, type TokenReceiver } from '../pipe.js';

export interface HostilePipeOptions {
  /** Number of waiting tokens from which on the pipe is full. Default: it is never full. */
  readonly highWater?: number;
  /** Called with what the receiver throws. Default: it is thrown on. */
  readonly onError?: (error: unknown) => void;
}

/** Number of delivered tokens of which one may come again. */
const REMEMBERED = 8;

/**
 * A pipe that keeps its promises and no more: slow, full, late and duplicating. By hand a test chooses which token comes
 * next, and whether it will come again, in any order (`deliver`). Paced it delivers one token in each turn of the event
 * loop, in order, and some of them again later (`pace`).
 */
export class HostilePipe implements Pipe {
  readonly #waiting: Token[] = [];
  /** Delivered tokens that may come again; the pipe holds a reference to each value. */
  readonly #late: Token[] = [];
  #draw: ((limit: number) => number) | undefined;
  #scheduled = false;
  #closed = false;
  #whenRoom: (() => void)[] = [];
  #whenEmpty: (() => void)[] = [];

  readonly #receive: TokenReceiver;
  readonly #highWater: number;
  readonly #onError: (error: unknown) => void;

  constructor(receive: TokenReceiver, options: HostilePipeOptions = {}) {
    this.#receive = receive;
    this.#highWater = options.highWater ?? Infinity;
    this.#onError =
      options.onError ??
      ((error) => {
        throw error;
      });
  }

  /** Number of tokens that will come, or come again. */
  get waiting(): number {
    return this.#waiting.length + this.#late.length;
  }

  send(token: Token): boolean {
    if (this.#closed) throw new PipeClosedError();
    this.#waiting.push(token);
    if (this.#draw !== undefined) this.#schedule();
    return !this.#isFull;
  }

  get #isFull(): boolean {
    return this.#waiting.length >= this.#highWater;
  }

  /** Delivers one of the waiting tokens; `again`: it stays, to come once more. */
  deliver(choice: number, again: boolean): void {
    const at = choice % this.#waiting.length;
    const token = this.#waiting[at]!;
    if (again) {
      token.value?.retain();
    } else {
      const last = this.#waiting.pop()!;
      if (last !== token) this.#waiting[at] = last;
    }
    this.#hand(token);
  }

  /** From now on delivers by itself. `draw`: whole numbers below a limit. */
  pace(draw: (limit: number) => number): this {
    this.#draw = draw;
    return this;
  }

  #schedule(): void {
    if (this.#scheduled || this.waiting === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#deliverNext(this.#draw!);
      this.#schedule();
    });
  }

  #deliverNext(draw: (limit: number) => number): void {
    const isLate = this.#late.length > 0 && (this.#waiting.length === 0 || draw(4) === 0);
    const [token] = isLate ? this.#late.splice(draw(this.#late.length), 1) : this.#waiting.splice(0, 1);
    if (!isLate && this.#late.length < REMEMBERED && draw(2) === 0) {
      token!.value?.retain();
      this.#late.push(token!);
    }
    this.#hand(token!);
  }

  #hand(token: Token): void {
    try {
      this.#receive(token);
    } catch (error) {
      this.#onError(error);
    }
    if (!this.#isFull) for (const resolve of this.#whenRoom.splice(0)) resolve();
    if (this.waiting === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  drained(): Promise<void> {
    return this.#isFull ? new Promise((resolve) => this.#whenRoom.push(resolve)) : Promise.resolve();
  }

  /** Resolves when every token that was sent has come, and come again. */
  settled(): Promise<void> {
    return this.waiting > 0 ? new Promise((resolve) => this.#whenEmpty.push(resolve)) : Promise.resolve();
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#draw === undefined) while (this.#waiting.length > 0) this.deliver(0, false);
    await this.settled();
  }
}
