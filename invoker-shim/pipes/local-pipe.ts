import type { Pipe, Token, TokenReceiver } from './pipe.js';
import { PipeClosedError } from './pipe-closed-error.js';
import { TokenRing } from './token-ring.js';

export interface LocalPipeOptions {
  /** Tokens that may wait before `send` answers false. Default 1024. */
  readonly highWater?: number;
  /** The receiver threw; the token was its own from the call on. Default: a process warning. */
  readonly onError?: (error: unknown, token: Token) => void;
}

/**
 * Makes the pipe between nodes of one host: a call of the receiver. A token that is sent while the receiver runs
 * waits until it has returned, and is delivered by the outermost `send`: the engine is never entered twice.
 */
export function createLocalPipe(receiver: TokenReceiver, options: LocalPipeOptions = {}): Pipe {
  return new LocalPipe(receiver, options.highWater ?? 1024, options.onError ?? warn);
}

class LocalPipe implements Pipe {
  private readonly waiting = new TokenRing();
  private delivering = false;
  private closed = false;
  /** Resolvers of `drained` and `close`, called when nothing waits any more. */
  private whenEmpty: (() => void)[] = [];

  constructor(
    private readonly receiver: TokenReceiver,
    private readonly highWater: number,
    private readonly onError: (error: unknown, token: Token) => void,
  ) {}

  send(token: Token): boolean {
    if (this.closed) throw new PipeClosedError();
    if (this.delivering) {
      this.waiting.push(token);
      return this.waiting.length < this.highWater;
    }
    this.delivering = true;
    let next: Token | undefined = token;
    while (next !== undefined) {
      this.deliver(next);
      next = this.waiting.shift();
    }
    this.delivering = false;
    if (this.whenEmpty.length > 0) this.emptied();
    return true;
  }

  private deliver(token: Token): void {
    try {
      this.receiver(token);
    } catch (error) {
      this.report(error, token);
    }
  }

  private report(error: unknown, token: Token): void {
    try {
      this.onError(error, token);
    } catch (failure) {
      warn(failure);
    }
  }

  drained(): Promise<void> {
    return this.delivering ? this.empty() : Promise.resolve();
  }

  close(): Promise<void> {
    this.closed = true;
    return this.drained();
  }

  private empty(): Promise<void> {
    return new Promise((resolve) => this.whenEmpty.push(resolve));
  }

  private emptied(): void {
    const resolvers = this.whenEmpty;
    this.whenEmpty = [];
    for (const resolve of resolvers) resolve();
  }
}

function warn(error: unknown): void {
  // As text: an Error of another realm is none to Node.
  process.emitWarning(error instanceof Error ? (error.stack ?? error.message) : String(error), 'PipeReceiverWarning');
}
