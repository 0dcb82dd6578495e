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
 * The store cannot be reached, or is broken: the same may succeed later. Whether a write was carried out is not known.
 * The message says what is wrong.
 */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';

  constructor(cause: Error) {
    super(`The store cannot be used now: ${cause.message}`, { cause });
  }
}

/** The store takes no such document, whoever writes it whenever: it is too large, or has what the store cannot keep. */
export class DocumentRefusedError extends Error {
  override readonly name = 'DocumentRefusedError';
  readonly tooLarge: boolean;

  constructor(id: string, tooLarge: boolean, options?: ErrorOptions) {
    super(`The store does not take the document ${id}${tooLarge ? ': it is too large' : ''}.`, options);
    this.tooLarge = tooLarge;
  }
}

/** Ends a hold. Whoever was given it calls it once. */
export type Release = () => void;

/** Hears of documents that anybody wrote, this process too. */
export interface ChangeListener {
  /** The document has this revision now, or had it and has a later one. */
  changed(id: string, rev: string): void;
  /** Anything may have changed. */
  reset(): void;
}

/**
 * Where entities are kept. Every write is durable when its promise resolves. Every operation ends within a bounded time
 * and may fail with `StoreUnavailableError`. Left out on purpose: queries beyond a listing by type, and transactions
 * over several documents.
 */
export interface EntityStore {
  get(id: string): Promise<StoredDocument | undefined>;
  /**
   * Writes a document: a new one without `_rev`, else the revision that was read; `ConflictError` when the stored one
   * differs. `attachment`: it replaces what was there; `keep`: what was there stays; undefined: there is none any more.
   * Gives the new `_rev`. `DocumentRefusedError` when the store cannot keep it.
   */
  put(document: StoredDocument, attachment?: Attachment | 'keep'): Promise<string>;
  /** `ConflictError` when the stored revision differs or there is none. */
  delete(id: string, rev: string): Promise<void>;
  /** Newest `updated` first, equal ones by `_id`. */
  list(query: ListQuery): Promise<StoredDocument[]>;
  /**
   * The documents of `list`, for pages that are more than memory should hold: each is read when the one before has been
   * used. Those that go meanwhile are left out.
   */
  each(query: ListQuery): AsyncIterable<StoredDocument>;
  /** How many documents `list` would give without its limit. */
  count(query: Omit<ListQuery, 'limit'>): Promise<number>;
  /** Undefined when that revision, or its attachment, is no longer there; of the older ones those that are held are. */
  attachment(id: string, rev: string, name: string): Promise<Buffer | undefined>;
  /**
   * Keeps an attachment of one revision for `attachment`, whatever becomes of the document, until the hold ends; no hold
   * outlives the process. Undefined when that revision is no longer there and nobody holds it. Without a promise when
   * nothing has to be fetched. `StoreUnavailableError` also when there is no room for more that is held.
   */
  hold(id: string, rev: string, name: string): Release | undefined | Promise<Release | undefined>;
  /** Why the store cannot be used now, for operators; undefined: it can. */
  health(): string | undefined;
  /**
   * Tells one listener of every write by anybody, in order, from now on and until `close`. Missing where this process is
   * the only writer.
   */
  watch?(listener: ChangeListener): void;
  close(): Promise<void>;
}
