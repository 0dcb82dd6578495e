import { CouchRefusedError, CouchSchemaError, CouchUnavailableError } from '@dataflower/common/couchdb';
import { DocumentRefusedError, StoreUnavailableError } from '../entity-store.js';

/** CouchDB's failures in the words of the store's port; throws always. `id`: what was asked for. */
export function asStoreError(id: string): (cause: unknown) => never {
  return (cause) => {
    if (cause instanceof CouchUnavailableError || cause instanceof CouchSchemaError)
      throw new StoreUnavailableError(cause);
    if (cause instanceof CouchRefusedError && (cause.status === 400 || cause.status === 413))
      throw new DocumentRefusedError(id, cause.status === 413, { cause });
    // A document that is not there is no failure; a view that is not there is somebody's mistake.
    if (cause instanceof CouchRefusedError && cause.status === 404) throw new StoreUnavailableError(cause);
    throw cause;
  };
}
