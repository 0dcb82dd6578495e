import { CodedError } from '../../coded-error.js';
import type { LogPosition } from '../log/replication-source.js';
import type { RecordDocument } from './document.js';

/** The outcome of one document of a batch. */
export type WriteOutcome =
  | { readonly outcome: 'written' }
  /** The database has another revision. */
  | { readonly outcome: 'conflict' }
  /** The database refuses this document for good. */
  | { readonly outcome: 'refused'; readonly reason: string }
  /** The database may accept it later. */
  | { readonly outcome: 'failed'; readonly reason: string };

/** A document that is in the database already. */
export interface ExistingRecord {
  readonly revision: string;
  /** The log that it came from and its position there; undefined when another program wrote it. */
  readonly origin: ({ readonly log: string } & LogPosition) | undefined;
  /** True for the record that a gateway wrote when it gave the activation up. */
  readonly givenUp: boolean;
}

type RecordDatabaseErrorCode = (typeof RecordDatabaseError.codes)[number];

/**
 * A rejection by which the replicator changes what it sends:
 *
 * - `RECORD_BATCH_MALFORMED`: the database refuses the whole request. It may accept smaller ones.
 * - `RECORD_BATCH_TOO_LARGE`: the same, because of its size.
 * - `RECORD_DATABASE_MISSING`: the database does not exist; `prepare` creates it.
 */
export class RecordDatabaseError extends CodedError<RecordDatabaseErrorCode> {
  static readonly codes = ['RECORD_BATCH_MALFORMED', 'RECORD_BATCH_TOO_LARGE', 'RECORD_DATABASE_MISSING'] as const;

  constructor(code: RecordDatabaseErrorCode, message: string, options?: ErrorOptions) {
    super('RecordDatabaseError', code, code === 'RECORD_DATABASE_MISSING', message, options);
  }

  get refusesBatch(): boolean {
    return this.code !== 'RECORD_DATABASE_MISSING';
  }
}

/** The store that records are replicated to. Any rejection without a `RecordDatabaseError` may be temporary. */
export interface RecordDatabase {
  /** Creates the database and its views where they are missing. */
  prepare(): Promise<void>;
  /**
   * Writes in one request; the outcomes are in the order of the documents. With a revision, a document replaces that one.
   * Rejects with a `RecordDatabaseError`, or with another error when the outcome is unknown.
   */
  write(
    documents: readonly RecordDocument[],
    revisions?: ReadonlyMap<string, string>,
  ): Promise<readonly WriteOutcome[]>;
  /** The documents that exist, by id. */
  existing(ids: readonly string[]): Promise<ReadonlyMap<string, ExistingRecord>>;
  /** Resolves when the database answers as it should; rejects otherwise. */
  ping(): Promise<void>;
}
