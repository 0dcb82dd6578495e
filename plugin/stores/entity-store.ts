import { CodedError } from '@dataflower/common';

/** The common members of all documents, in CouchDB's model as OpenWhisk uses it. */
export interface StoredDocument {
  /** `namespace/name` of an entity; the bare name of a subject. One key space for all types. */
  readonly _id: string;
  /** Set by the store; changes with every write and is never reused. */
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

/** The document was changed since it was read, or exists already. */
export class ConflictError extends CodedError<'DOCUMENT_CONFLICT'> {
  static readonly codes = ['DOCUMENT_CONFLICT'] as const;

  constructor(id: string, options?: ErrorOptions) {
    super('ConflictError', 'DOCUMENT_CONFLICT', false, `The document ${id} was changed since it was read.`, options);
  }
}

/**
 * The store cannot be reached, or is broken: the same operation may succeed later. A write may have been carried out. The
 * message gives the reason.
 */
export class StoreUnavailableError extends CodedError<'STORE_UNAVAILABLE'> {
  static readonly codes = ['STORE_UNAVAILABLE'] as const;

  constructor(cause: Error) {
    const message = `The store cannot be used now: ${cause.message}`;
    super('StoreUnavailableError', 'STORE_UNAVAILABLE', true, message, { cause });
  }
}

export type DocumentRefusedCode = (typeof DocumentRefusedError.codes)[number];

/** The store cannot keep such a document: it is too large, or has values that the store cannot represent. */
export class DocumentRefusedError extends CodedError<DocumentRefusedCode> {
  static readonly codes = ['DOCUMENT_TOO_LARGE', 'DOCUMENT_INVALID'] as const;

  constructor(id: string, code: DocumentRefusedCode, options?: ErrorOptions) {
    const reason = code === 'DOCUMENT_TOO_LARGE' ? 'it is too large' : 'it has values that cannot be stored';
    super('DocumentRefusedError', code, false, `The store does not take the document ${id}: ${reason}.`, options);
  }
}

/** Ends a hold. To be called once. */
export type Release = () => void;

/** Ignores every call but the first: a second one would end the hold of another user. */
export function releaseOnce(release: Release): Release {
  let ended = false;
  return () => {
    if (ended) return;
    ended = true;
    release();
  };
}

/** Callbacks of a store that several processes write: called for every write, also of this process. */
export interface StoreEvents {
  /** The document has this revision or a later one. */
  changed(id: string, rev: string): void;
  /** Any document may have changed. */
  reset(): void;
}

/**
 * Where entities are kept. A write is durable when its promise resolves. Every operation ends within a bounded time and
 * may reject with `StoreUnavailableError`. Deliberately left out: queries beyond a listing by type, and transactions over
 * several documents.
 */
export interface EntityStore {
  get(id: string): Promise<StoredDocument | undefined>;
  /**
   * Writes a document and returns its new `_rev`. A new document has no `_rev`, another one that of the revision read;
   * rejects with `ConflictError` when the stored revision differs. `attachment` replaces the stored attachment, `keep`
   * keeps it, undefined removes it. Rejects with `DocumentRefusedError` when the store cannot keep the document.
   */
  put(document: StoredDocument, attachment?: Attachment | 'keep'): Promise<string>;
  /** Rejects with `ConflictError` when the stored revision differs or there is none. */
  delete(id: string, rev: string): Promise<void>;
  /** Newest `updated` first, equal ones by `_id`. */
  list(query: ListQuery): Promise<StoredDocument[]>;
  /**
   * The documents of `list`, for pages that are too large for memory: each is read when the previous one has been used.
   * Documents deleted since the beginning are left out.
   */
  each(query: ListQuery): AsyncIterable<StoredDocument>;
  /** Number of documents that `list` would return without its limit. */
  count(query: Omit<ListQuery, 'limit'>): Promise<number>;
  /** Undefined when that revision has no such attachment any more. Held attachments of older revisions are still there. */
  attachment(id: string, rev: string, name: string): Promise<Buffer | undefined>;
  /**
   * Keeps an attachment of one revision readable until the hold ends, at the latest with the process, even if the document
   * is changed or deleted. Undefined when that revision is gone and not held. Returns no promise when nothing has to be
   * fetched. Fails with `StoreUnavailableError` also when the room for held attachments is used up.
   */
  hold(id: string, rev: string, name: string): Release | undefined | Promise<Release | undefined>;
  /** Why the store cannot be used now, for operators; undefined: it can. */
  health(): string | undefined;
  /**
   * Reports every write by any process, in order, until `close`. Called once. Missing when this process is the only
   * writer.
   */
  watch?(events: StoreEvents): void;
  close(): Promise<void>;
}

const sizes = new WeakMap<StoredDocument, number>();

/** Characters of a document as JSON. Counted once for each object: documents are immutable. */
export function charsOf(document: StoredDocument): number {
  let chars = sizes.get(document);
  if (chars === undefined) sizes.set(document, (chars = JSON.stringify(document).length));
  return chars;
}
