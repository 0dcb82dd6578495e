import type { Clock } from '@dataflower/common';
import { ConflictError, StoreUnavailableError } from '../entity-store.js';

export interface WriteGuardOptions {
  readonly clock: Clock;
  /** Opens the store again and reads it back; rejects while it cannot be written. No write runs during the call. */
  readonly reopen: () => Promise<void>;
  /** Called with each new reason why writes are refused, and with undefined when they are accepted again. */
  readonly onProblem: (reason: string | undefined) => void;
}

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5000;

/**
 * Refuses writes after a failed one until the store has been opened again and read back.
 *
 *     READY ── a write fails ──▶ FAILED ── delay ──▶ REOPENING ── read back ──▶ READY
 *                                  ▲                     │
 *                                  └──── cannot be ──────┘     any of them ── close ──▶ CLOSED
 *
 * Outside READY every write is refused, and running writes are not confirmed. The delay doubles with each failure, up to
 * 5 s, until a write succeeds.
 */
export class WriteGuard {
  #state: 'READY' | 'FAILED' | 'REOPENING' | 'CLOSED' = 'READY';
  #reason: string | undefined;
  /** The error with the text `#reason`. */
  #cause: unknown;
  /** Counts the transitions out of READY. */
  #epoch = 0;
  #delayMs = FIRST_RETRY_MS;
  readonly #running = new Set<Promise<unknown>>();
  #cancelRetry = (): void => undefined;
  #reopening: Promise<void> = Promise.resolve();

  readonly #options: WriteGuardOptions;

  constructor(options: WriteGuardOptions) {
    this.#options = options;
  }

  /** Why writes are refused; undefined while they are accepted. */
  get problem(): string | undefined {
    return this.#reason;
  }

  /** Runs a write. @throws StoreUnavailableError when it is refused or fails; a failed write may have been carried out. */
  async write<T>(operation: () => Promise<T>): Promise<T> {
    if (this.#state !== 'READY') throw this.#refusal();
    const epoch = this.#epoch;
    const run = operation();
    this.#running.add(run);
    try {
      const result = await run;
      // Another write has failed since this one began: the store has to be read back before anything is confirmed.
      if (epoch !== this.#epoch) throw this.#refusal();
      this.#delayMs = FIRST_RETRY_MS;
      return result;
    } catch (cause) {
      if (cause instanceof ConflictError || cause instanceof StoreUnavailableError) throw cause;
      this.fail(cause);
      throw new StoreUnavailableError(cause as Error);
    } finally {
      this.#running.delete(run);
    }
  }

  /** Refuses writes from now on, until the store has been read back. */
  fail(cause: unknown): void {
    if (this.#state !== 'READY') return;
    this.#epoch++;
    this.#refuseFor(cause);
  }

  /** Resolves when no write and no reopening runs any more. */
  async close(): Promise<void> {
    this.#state = 'CLOSED';
    this.#reason ??= 'it is closed';
    this.#cancelRetry();
    await this.#reopening;
    await Promise.allSettled(this.#running);
  }

  #refuseFor(cause: unknown): void {
    this.#state = 'FAILED';
    const reason = messageOf(cause);
    if (reason !== this.#reason) this.#options.onProblem(reason);
    this.#reason = reason;
    this.#cause = cause;
    this.#cancelRetry = this.#options.clock.after(this.#delayMs, () => {
      this.#reopening = this.#reopen();
    });
    this.#delayMs = Math.min(2 * this.#delayMs, LAST_RETRY_MS);
  }

  async #reopen(): Promise<void> {
    this.#state = 'REOPENING';
    let failure: unknown;
    try {
      await Promise.allSettled(this.#running);
      await this.#options.reopen();
    } catch (cause) {
      failure = cause;
    }
    if (this.#isClosed()) return;
    if (failure !== undefined) {
      this.#refuseFor(failure);
      return;
    }
    this.#state = 'READY';
    this.#reason = undefined;
    this.#options.onProblem(undefined);
  }

  #isClosed(): boolean {
    return this.#state === 'CLOSED';
  }

  #refusal(): StoreUnavailableError {
    const reason = this.#reason ?? 'it had to be opened again while this was written';
    const cause = this.#cause;
    return new StoreUnavailableError(new Error(reason, { cause }));
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
