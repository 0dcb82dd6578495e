/** How long a failed write is told when no write follows it, in milliseconds. */
const WRITE_FAILURE_MS = 30_000;

/** Whether CouchDB does what it is asked, by what the last requests met. */
export class Reachability {
  private failure: string | undefined;
  private writeFailure: { readonly reason: string; readonly at: number } | undefined;

  constructor(private readonly now: () => number) {}

  succeeded(write: boolean): void {
    this.failure = undefined;
    if (write) this.writeFailure = undefined;
  }

  /** A disk that is full shows in writes alone: reads that succeed do not take that back. */
  failed(write: boolean, reason: string): void {
    this.failure = reason;
    if (write) this.writeFailure = { reason, at: this.now() };
  }

  /** Why it cannot be used; undefined: it can. */
  problem(): string | undefined {
    if (this.failure !== undefined) return this.failure;
    const { writeFailure } = this;
    return writeFailure !== undefined && this.now() - writeFailure.at < WRITE_FAILURE_MS
      ? writeFailure.reason
      : undefined;
  }
}
