import type { RecordDocument } from './document.js';
import type { LogPosition } from '../log/log-position.js';

/** What became of one document of a batch. */
export type WriteOutcome =
  | { readonly outcome: 'written' }
  /** Another revision is there. */
  | { readonly outcome: 'conflict' }
  /** This document is not taken, whatever is done. */
  | { readonly outcome: 'refused'; readonly reason: string }
  /** It may be taken later. */
  | { readonly outcome: 'failed'; readonly reason: string };

/** A document that is there already. */
export interface ExistingRecord {
  readonly revision: string;
  /** The log that it came from and its place there; undefined for one that somebody else wrote. */
  readonly origin: ({ readonly log: string } & LogPosition) | undefined;
  /** It says that a gateway has given the activation up. */
  readonly givenUp: boolean;
}

/** The whole request is not taken: too large, or something in it is not understood. Smaller ones may be. */
export class BatchRefusedError extends Error {
  override readonly name = 'BatchRefusedError';

  constructor(
    message: string,
    /** The size was it. */
    readonly tooLarge: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The database is not there: `prepare` makes it. */
export class DatabaseMissingError extends Error {
  override readonly name = 'DatabaseMissingError';
}

/** The store that records are carried to. Rejections without a class of their own may pass by themselves. */
export interface RecordDatabase {
  /** Makes the database and its views when they are not there. */
  prepare(): Promise<void>;
  /**
   * Writes in one request; the outcomes are in the order of the documents. With a revision, a document replaces that one.
   * Rejects with `BatchRefusedError`, `DatabaseMissingError`, or when it is not known what happened.
   */
  write(
    documents: readonly RecordDocument[],
    revisions?: ReadonlyMap<string, string>,
  ): Promise<readonly WriteOutcome[]>;
  /** Those of the documents that are there, by id. */
  existing(ids: readonly string[]): Promise<ReadonlyMap<string, ExistingRecord>>;
  /** Resolves when it answers as it should; rejects when it does not. */
  ping(): Promise<void>;
}
