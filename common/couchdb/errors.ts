import { CodedError } from '../coded-error.js';

/** What an operation on CouchDB fails with. */
export type CouchErrorCode = 'COUCHDB_UNAVAILABLE' | 'COUCHDB_REFUSED' | 'COUCHDB_SCHEMA';

/**
 * CouchDB cannot be reached, does not answer in time, is broken or does not let us in; the message says which. Whether a
 * write was carried out is not known.
 */
export class CouchUnavailableError extends CodedError<CouchErrorCode> {
  /** What CouchDB answered; undefined: it did not. */
  readonly status: number | undefined;

  /** `passing`: it may pass by itself, as a restart does; what an operator has to put right does not. */
  constructor(message: string, passing = true, status?: number) {
    super('CouchUnavailableError', 'COUCHDB_UNAVAILABLE', passing, message);
    this.status = status;
  }
}

/** CouchDB answered, and said no: 400, 404, 409, 412, 413, 501 and the like. */
export class CouchRefusedError extends CodedError<CouchErrorCode> {
  readonly status: number;
  /**
   * An attempt before this one may have been carried out: then a 409 or 404 may be the answer to our own write. False:
   * nothing was changed.
   */
  readonly afterUncertainty: boolean;

  constructor(status: number, message: string, afterUncertainty: boolean) {
    super('CouchRefusedError', 'COUCHDB_REFUSED', false, message);
    this.status = status;
    this.afterUncertainty = afterUncertainty;
  }
}

/** The documents were written by a version of DataFlower that this one does not understand. */
export class CouchSchemaError extends CodedError<CouchErrorCode> {
  constructor(message: string) {
    super('CouchSchemaError', 'COUCHDB_SCHEMA', false, message);
  }
}
