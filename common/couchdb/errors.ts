import { CodedError } from '../coded-error.js';

export type CouchErrorCode = 'COUCHDB_UNAVAILABLE' | 'COUCHDB_REFUSED' | 'COUCHDB_SCHEMA';

/**
 * CouchDB cannot be reached, does not answer in time, fails, or rejects the credentials; the message says which. It is not
 * known whether a write took place.
 */
export class CouchUnavailableError extends CodedError<CouchErrorCode> {
  static readonly codes = ['COUCHDB_UNAVAILABLE'] as const;

  /** The HTTP status of CouchDB's answer; undefined without an answer. */
  readonly status: number | undefined;

  /** `passing`: the problem may pass without an operator, as a restart does. */
  constructor(message: string, passing = true, status?: number) {
    super('CouchUnavailableError', 'COUCHDB_UNAVAILABLE', passing, message);
    this.status = status;
  }
}

/** CouchDB refused the request with 400, 404, 409, 412, 413, 501 or the like. */
export class CouchRefusedError extends CodedError<CouchErrorCode> {
  static readonly codes = ['COUCHDB_REFUSED'] as const;

  readonly status: number;
  /**
   * An earlier attempt of this request may have succeeded: then a 409 or 404 may be caused by our own write. False: nothing
   * was changed.
   */
  readonly afterUncertainty: boolean;

  constructor(status: number, message: string, afterUncertainty: boolean) {
    super('CouchRefusedError', 'COUCHDB_REFUSED', false, message);
    this.status = status;
    this.afterUncertainty = afterUncertainty;
  }
}

/** A newer version of DataFlower wrote the documents, and this one does not know their schema. */
export class CouchSchemaError extends CodedError<CouchErrorCode> {
  static readonly codes = ['COUCHDB_SCHEMA'] as const;

  constructor(message: string) {
    super('CouchSchemaError', 'COUCHDB_SCHEMA', false, message);
  }
}
