import type { Clock } from '../clock.js';

const WINDOW_MS = 100;

export interface TurnsOptions {
  /** Most entries in one turn of the event loop. */
  readonly perTurn: number;
  /** Most entries in 100 ms. Default: no bound. */
  readonly perWindow?: { readonly entries: number; readonly clock: Clock };
}

/** Lets waiting callers enter in order: a bounded number in one turn of the event loop, and in a span of time. */
export class Turns {
  /** A set, because a waiting caller may leave. */
  readonly #waiting = new Set<() => void>();
  #isScheduled = false;
  /** Entries in the current window. */
  #entered = 0;
  #cancelWindow: (() => void) | undefined;

  readonly #options: TurnsOptions;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** Calls back once, in a later turn of the loop. Pass a function of its own for each entry. */
  enter(go: () => void): void {
    this.#waiting.add(go);
    this.#schedule();
  }

  /** Takes a waiting caller out: it is not called back any more. */
  leave(go: () => void): void {
    this.#waiting.delete(go);
  }

  close(): void {
    this.#waiting.clear();
    this.#cancelWindow?.();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.size === 0 || this.#isSpent()) return;
    this.#isScheduled = true;
    setImmediate(() => this.#letIn());
  }

  #letIn(): void {
    this.#isScheduled = false;
    let left = this.#options.perTurn;
    try {
      for (const go of this.#waiting) {
        if (left-- === 0 || this.#isSpent()) break;
        this.#waiting.delete(go);
        this.#count();
        go();
      }
    } finally {
      this.#schedule();
    }
  }

  #isSpent(): boolean {
    return this.#entered >= (this.#options.perWindow?.entries ?? Infinity);
  }

  #count(): void {
    const { perWindow } = this.#options;
    if (perWindow === undefined) return;
    this.#entered++;
    this.#cancelWindow ??= perWindow.clock.after(WINDOW_MS, () => {
      this.#cancelWindow = undefined;
      this.#entered = 0;
      this.#schedule();
    });
  }
}
