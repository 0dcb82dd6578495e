/**
 * CouchDB 3.4 and later lock a user out for five minutes, for everybody who comes from the same address, after five wrong
 * passwords. The sum of these pauses leaves others a chance; a lock is looked at again without harm.
 */
const PAUSES_MS = [5_000, 30_000, 120_000, 300_000];
const LOCKED_PAUSE_MS = 30_000;

/** Whether CouchDB knows the user. After it has refused, nobody asks again for a while: all clients of a process share this. */
export class Access {
  /** The last refusal was not about the password: the user is locked out, which passes. */
  locked = false;
  #refusals = 0;
  #until = -Infinity;

  readonly #now: () => number;

  /** @param now Milliseconds of a clock that is never set. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Time until the next request may leave, in ms; 0: at once. */
  get pauseMs(): number {
    return Math.max(0, this.#until - this.#now());
  }

  granted(): void {
    this.#refusals = 0;
  }

  /** `locked`: the password was not looked at. */
  refused(locked: boolean): void {
    // Requests that were under way together count as one.
    if (this.pauseMs > 0) return;
    this.locked = locked;
    const pause = locked ? LOCKED_PAUSE_MS : PAUSES_MS[Math.min(this.#refusals++, PAUSES_MS.length - 1)]!;
    this.#until = this.#now() + pause;
  }
}
