/**
 * CouchDB 3.4 and later lock a user out for five minutes, for all clients at the same address, after five wrong passwords.
 * These pauses are long enough that this process alone does not cause a lock; asking during a lock does no harm.
 */
const PAUSES_MS = [5_000, 30_000, 120_000, 300_000];
const LOCKED_PAUSE_MS = 30_000;

/** Tracks whether CouchDB accepts the user. After a refusal no client of the process asks again for a while: they share this. */
export class Access {
  /** The last refusal was a lock, which passes, not a wrong password. */
  locked = false;
  #refusals = 0;
  #until = -Infinity;

  readonly #now: () => number;

  /** @param now A monotonic clock, in ms. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Time until the next request may be sent, in ms; 0: now. */
  get pauseMs(): number {
    return Math.max(0, this.#until - this.#now());
  }

  granted(): void {
    this.#refusals = 0;
  }

  /** `locked`: CouchDB did not check the password. */
  refused(locked: boolean): void {
    // Concurrent requests count as one refusal.
    if (this.pauseMs > 0) return;
    this.locked = locked;
    const pause = locked ? LOCKED_PAUSE_MS : PAUSES_MS[Math.min(this.#refusals++, PAUSES_MS.length - 1)]!;
    this.#until = this.#now() + pause;
  }
}
