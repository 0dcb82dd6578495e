/** Time for which a failed write is reported when no write follows it, in milliseconds. */
const WRITE_FAILURE_MS = 30_000;

/** Tracks from the outcomes of the last requests whether CouchDB can be used. */
export class Reachability {
  #failure: string | undefined;
  #writeFailure: { readonly reason: string; readonly at: number } | undefined;

  /** A monotonic clock, in ms. */
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  succeeded(write: boolean): void {
    this.#failure = undefined;
    if (write) this.#writeFailure = undefined;
  }

  /**
   * `inWriting`: CouchDB refused a write. Reads that succeed, as with a full disk, do not clear the failure; when reads
   * fail too, the problem is not the writing.
   */
  failed(inWriting: boolean, reason: string): void {
    if (!inWriting) this.#writeFailure = undefined;
    else if (this.#failure === undefined || this.#writeFailure !== undefined)
      this.#writeFailure = { reason, at: this.#now() };
    this.#failure = reason;
  }

  /** The reason why CouchDB cannot be used; undefined when it can. */
  problem(): string | undefined {
    if (this.#failure !== undefined) return this.#failure;
    const writeFailure = this.#writeFailure;
    return writeFailure !== undefined && this.#now() - writeFailure.at < WRITE_FAILURE_MS
      ? writeFailure.reason
      : undefined;
  }
}
