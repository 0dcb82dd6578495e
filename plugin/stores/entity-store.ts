/** What every document has: CouchDB's model, as OpenWhisk uses it. */
export interface StoredDocument {
  /** `namespace/name` of an entity; the bare name of a subject. One key space for all types. */
  readonly _id: string;
  /** Set by the store; changes with every write and is never used twice. */
  readonly _rev?: string;
  readonly entityType: string;
  readonly namespace: string;
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly updated: number;
}

/** A value too large for its document. */
export interface Attachment {
  readonly name: string;
  readonly contentType: string;
  readonly data: Buffer;
}

export interface ListQuery {
  readonly type: string;
  /** Undefined: all namespaces. */
  readonly namespace?: string;
  readonly skip: number;
  readonly limit: number;
}

/** Somebody else wrote this document since it was read, or it exists already. */
export class ConflictError extends Error {
  override readonly name = 'ConflictError';

  constructor(id: string, options?: ErrorOptions) {
    super(`The document ${id} was changed by somebody else.`, options);
  }
}

/**
 * Where entities are kept. Every write is durable when its promise resolves. Left out on purpose: queries beyond a
 * listing by type, transactions over several documents, and change notices.
 */
export interface EntityStore {
  get(id: string): Promise<StoredDocument | undefined>;
  /**
   * Writes a document: a new one without `_rev`, else the revision that was read; `ConflictError` when the stored one
   * differs. `attachment`: it replaces what was there; `keep`: what was there stays; undefined: there is none any more.
   * Gives the new `_rev`.
   */
  put(document: StoredDocument, attachment?: Attachment | 'keep'): Promise<string>;
  /** `ConflictError` when the stored revision differs or there is none. */
  delete(id: string, rev: string): Promise<void>;
  /** Newest `updated` first. */
  list(query: ListQuery): Promise<StoredDocument[]>;
  /** How many documents `list` would give without its limit. */
  count(query: Omit<ListQuery, 'limit'>): Promise<number>;
  /** Undefined when that revision, or its attachment, is no longer there. */
  attachment(id: string, rev: string, name: string): Promise<Buffer | undefined>;
  close(): Promise<void>;
}
