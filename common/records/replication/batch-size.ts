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
/** A slower request makes the next ones smaller, in milliseconds. */
const SLOW_MS = 2000;
/** A faster request allows the next one to be larger, in milliseconds. */
const QUICK_MS = 500;

/** The size of a request: it grows while the database is fast, and shrinks when the database is slow or refuses the size. */
export class BatchSize {
  records: number;
  bytes: number;

  readonly #bounds: BatchBounds;

  constructor(bounds: BatchBounds = BATCH_BOUNDS) {
    this.#bounds = bounds;
    this.records = Math.min(FIRST_RECORDS, bounds.maxRecords);
    this.bytes = bounds.maxBytes;
  }

  /** The database answered a full request after `ms`. */
  answered(ms: number): void {
    if (ms > SLOW_MS) this.shrink();
    else if (ms < QUICK_MS) this.#grow();
  }

  /** The request failed, or had no answer. */
  shrink(): void {
    this.records = Math.max(1, this.records >> 1);
    this.bytes = Math.max(MIN_BYTES, this.bytes >> 1);
  }

  #grow(): void {
    this.records = Math.min(this.#bounds.maxRecords, this.records * 2);
    this.bytes = Math.min(this.#bounds.maxBytes, this.bytes * 2);
  }
}
