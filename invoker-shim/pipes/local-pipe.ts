import { Deque } from '@dataflower/common';
import { type Pipe, PipeClosedError, type Token, type TokenReceiver } from './pipe.js';

export interface LocalPipeOptions {
  /** Number of waiting tokens from which on the pipe is full. Default 1024. */
  readonly highWater?: number;
  /** Called when the receiver threw; the token was the receiver's from the call on. Default: a process warning. */
  readonly onError?: (error: unknown, token: Token) => void;
  /** Longest time in one turn of the event loop in which tokens are delivered, in ms. Default 5. */
  readonly turnMs?: number;
}

/** Tokens delivered between two reads of the clock when no token waits behind them. */
const LOOK_EVERY = 8;

/**
 * Makes the pipe between nodes of one host: a call of the receiver. A token that is sent while the receiver runs waits
 * until the receiver has returned. When one turn of the event loop has taken `turnMs`, the next turn delivers the waiting
 * tokens, in order.
 */
export function createLocalPipe(receiver: TokenReceiver, options: LocalPipeOptions = {}): Pipe {
  return new LocalPipe(receiver, options.highWater ?? 1024, options.turnMs ?? 5, options.onError ?? warn);
}

class LocalPipe implements Pipe {
  readonly #waiting = new Deque<Token>();
  /** Tokens are being delivered, or wait for the next turn. */
  #busy = false;
  #closed = false;
  #delivered = 0;
  /** Number of delivered tokens at which the clock is read next. */
  #lookAt = LOOK_EVERY;
  /** Time at which this turn ends, by `performance.now`; Infinity: the clock was not read in it. */
  #turnEnds = Infinity;
  /** Resolvers of `drained`, called when the pipe is not full, and of `close`, when no token waits. */
  #whenFew: (() => void)[] = [];
  #whenEmpty: (() => void)[] = [];

  readonly #receiver: TokenReceiver;
  readonly #highWater: number;
  readonly #turnMs: number;
  readonly #onError: (error: unknown, token: Token) => void;

  constructor(
    receiver: TokenReceiver,
    highWater: number,
    turnMs: number,
    onError: (error: unknown, token: Token) => void,
  ) {
    this.#receiver = receiver;
    this.#highWater = highWater;
    this.#turnMs = turnMs;
    this.#onError = onError;
  }

  send(token: Token): boolean {
    if (this.#closed) throw new PipeClosedError();
    if (this.#busy) {
      this.#waiting.pushBack(token);
      return this.#waiting.length < this.#highWater;
    }
    this.#busy = true;
    this.#deliver(token);
    if (this.#delivered >= this.#lookAt && this.#isTurnOver()) this.#rest();
    else if (this.#waiting.length > 0) this.#deliverWaiting();
    else this.#emptied();
    return this.#waiting.length < this.#highWater;
  }

  /** Delivers as many tokens as one turn of the event loop has time for. */
  readonly #deliverWaiting = (): void => {
    while (this.#waiting.length > 0) {
      this.#deliver(this.#waiting.popFront()!);
      // Reads the clock for each token: one may take as long as many others.
      if (!this.#isTurnOver()) continue;
      this.#rest();
      return;
    }
    this.#emptied();
  };

  /** Time counts for all tokens of one turn, those of other senders too. */
  #isTurnOver(): boolean {
    this.#lookAt = this.#delivered + LOOK_EVERY;
    const now = performance.now();
    if (this.#turnEnds !== Infinity) return now >= this.#turnEnds;
    this.#turnEnds = now + this.#turnMs;
    setImmediate(this.#newTurn);
    return false;
  }

  readonly #newTurn = (): void => {
    this.#turnEnds = Infinity;
  };

  #rest(): void {
    setImmediate(this.#deliverWaiting);
    if (this.#waiting.length < this.#highWater) release(this.#whenFew);
  }

  #deliver(token: Token): void {
    this.#delivered++;
    try {
      this.#receiver(token);
    } catch (error) {
      this.#report(error, token);
    }
  }

  #report(error: unknown, token: Token): void {
    try {
      this.#onError(error, token);
    } catch (failure) {
      warn(failure);
    }
  }

  drained(): Promise<void> {
    if (!this.#busy) return Promise.resolve();
    return new Promise((resolve) => this.#whenFew.push(resolve));
  }

  close(): Promise<void> {
    this.#closed = true;
    if (!this.#busy) return Promise.resolve();
    return new Promise((resolve) => this.#whenEmpty.push(resolve));
  }

  #emptied(): void {
    this.#busy = false;
    release(this.#whenFew);
    release(this.#whenEmpty);
  }
}

function release(resolvers: (() => void)[]): void {
  if (resolvers.length > 0) for (const resolve of resolvers.splice(0)) resolve();
}

function warn(error: unknown): void {
  // As text: an Error of another realm is none to Node.
  process.emitWarning(error instanceof Error ? (error.stack ?? error.message) : String(error), 'PipeReceiverWarning');
}
