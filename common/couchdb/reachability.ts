/** How long a failed write is told when no write follows it, in milliseconds. */
const WRITE_FAILURE_MS = 30_000;

/** Whether CouchDB does what it is asked, by what the last requests met. */
export class Reachability {
  #failure: string | undefined;
  #writeFailure: { readonly reason: string; readonly at: number } | undefined;

  /** By a clock that nobody sets, in ms. */
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  succeeded(write: boolean): void {
    this.#failure = undefined;
    if (write) this.#writeFailure = undefined;
  }

  /**
   * `inWriting`: it has refused a write. When reads go on, as with a full disk, their success does not take that back;
   * when they fail too, it was not about writing.
   */
  failed(inWriting: boolean, reason: string): void {
    if (!inWriting) this.#writeFailure = undefined;
    else if (this.#failure === undefined || this.#writeFailure !== undefined)
      this.#writeFailure = { reason, at: this.#now() };
    this.#failure = reason;
  }

  /** Why it cannot be used; undefined: it can. */
  problem(): string | undefined {
    if (this.#failure !== undefined) return this.#failure;
    const writeFailure = this.#writeFailure;
    return writeFailure !== undefined && this.#now() - writeFailure.at < WRITE_FAILURE_MS
      ? writeFailure.reason
      : undefined;
  }
}
