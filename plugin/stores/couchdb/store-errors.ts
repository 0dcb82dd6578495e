import { CouchRefusedError, CouchSchemaError, CouchUnavailableError } from '@dataflower/common/couchdb';
import { DocumentRefusedError, StoreUnavailableError } from '../entity-store.js';

/** Throws CouchDB's failures as the errors of the port. `id` names the document, or the listing. */
export function asStoreError(id: string): (cause: unknown) => never {
  return (cause) => {
    if (cause instanceof CouchUnavailableError || cause instanceof CouchSchemaError)
      throw new StoreUnavailableError(cause);
    if (cause instanceof CouchRefusedError && (cause.status === 400 || cause.status === 413))
      throw new DocumentRefusedError(id, cause.status === 413 ? 'DOCUMENT_TOO_LARGE' : 'DOCUMENT_INVALID', { cause });
    // A missing document is no failure, so this is a missing database or view.
    if (cause instanceof CouchRefusedError && cause.status === 404) throw new StoreUnavailableError(cause);
    throw cause;
  };
}
