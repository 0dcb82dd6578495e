const MiB = 1024 * 1024;

export interface BatchBounds {
  /** Documents in one request. Default 1 000. */
  readonly maxRecords: number;
  /** Bytes of records in one request; a larger record goes alone. Default 4 MiB. */
  readonly maxBytes: number;
}

export const BATCH_BOUNDS: BatchBounds = { maxRecords: 1000, maxBytes: 4 * MiB };

const FIRST_RECORDS = 100;
const MIN_BYTES = 16 * 1024;
/** A request that takes longer makes the next ones smaller, in milliseconds. */
const SLOW_MS = 2000;
/** One that takes less may be followed by a larger one. */
const QUICK_MS = 500;

/** How much goes into one request: more while the database is quick, less when it is slow or refuses the size. */
export class BatchSize {
  records: number;
  bytes: number;

  readonly #bounds: BatchBounds;

  constructor(bounds: BatchBounds = BATCH_BOUNDS) {
    this.#bounds = bounds;

    this.records = Math.min(FIRST_RECORDS, bounds.maxRecords);
    this.bytes = bounds.maxBytes;
  }

  /** A full request was answered after `ms`. */
  answered(ms: number): void {
    if (ms > SLOW_MS) this.shrink();
    else if (ms < QUICK_MS) this.#grow();
  }

  /** There was no answer, or a failure. */
  shrink(): void {
    this.records = Math.max(1, this.records >> 1);
    this.bytes = Math.max(MIN_BYTES, this.bytes >> 1);
  }

  #grow(): void {
    this.records = Math.min(this.#bounds.maxRecords, this.records * 2);
    this.bytes = Math.min(this.#bounds.maxBytes, this.bytes * 2);
  }
}
