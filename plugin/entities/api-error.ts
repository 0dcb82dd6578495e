import { CodedError } from '@dataflower/common';
import { ApiError, internalError, malformed, overloaded, unavailable } from '@dataflower/common/http';
import { RecordsUnavailableError } from '@dataflower/common/records';
import { DocumentRefusedError, StoreUnavailableError } from '../stores/entity-store.js';
import { fullDiskReason } from '../http/full-disk.js';

/** OW-12: whatever was thrown, as an answer. Values nested so deeply that they cannot be walked are their sender's error. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const disk = fullDiskReason(error);
  const isStore = error instanceof StoreUnavailableError;
  if (disk !== undefined) return overloaded(error, `The disk of ${isStore ? 'the entities' : 'the server'} ${disk}.`);
  if (error instanceof RecordsUnavailableError) return unavailable(error.message, error);
  if (isStore || (error instanceof CodedError && error.retryable)) return overloaded(error);
  if (error instanceof DocumentRefusedError) return refusedByStore(error);
  if (error instanceof Error && error.message === 'Maximum call stack size exceeded')
    return malformed('The values are nested too deeply.');
  return internalError(error);
}

/** The store's own limits: larger than OpenWhisk's, unless somebody set them lower. */
function refusedByStore(cause: DocumentRefusedError): ApiError {
  if (!cause.tooLarge) return malformed('The entity has what cannot be stored, such as half of a Unicode pair.');
  return new ApiError(413, 'The request content is larger than the server is willing or able to process.', { cause });
}
