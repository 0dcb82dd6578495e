import { CodedError } from '@dataflower/common';
import { ApiError, internalError, malformed, overloaded, unavailable } from '@dataflower/common/http';
import { RecordsUnavailableError } from '@dataflower/common/records';
import { DocumentRefusedError, StoreUnavailableError } from '../stores/entity-store.js';

/**
 * OW-12: the answer for any error. A stack overflow means that the sender's values are nested too deeply to be walked; any
 * other unknown error is an internal one.
 */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const disk = fullDiskReason(error);
  const owner = error instanceof StoreUnavailableError ? 'the entities' : 'the server';
  if (disk !== undefined) return overloaded(error, `The disk of ${owner} ${disk}.`);
  if (error instanceof RecordsUnavailableError) return unavailable(error.message, error);
  if (error instanceof DocumentRefusedError) return refusedByStore(error);
  if (error instanceof CodedError && error.retryable) return overloaded(error);
  if (error instanceof Error && error.message === 'Maximum call stack size exceeded')
    return malformed('The values are nested too deeply.');
  return internalError(error);
}

/** The store's own limits are above OpenWhisk's, unless its administrator has set them lower. */
function refusedByStore(cause: DocumentRefusedError): ApiError {
  if (cause.code === 'DOCUMENT_INVALID')
    return malformed('The entity has what cannot be stored, such as half of a Unicode pair.');
  return new ApiError(413, 'The request content is larger than the server is willing or able to process.', { cause });
}

/** Error codes of a file system that cannot be written, with texts for callers, who must see no paths. */
const DISK_REASONS: ReadonlyMap<unknown, string> = new Map([
  ['ENOSPC', 'is full'],
  ['EDQUOT', 'has used up its quota'],
  ['EROFS', 'can only be read'],
]);
const MAX_CAUSES = 8;

/** The disk's state, such as "is full", when it is among the causes of the error. */
function fullDiskReason(error: unknown): string | undefined {
  let cause = error;
  for (let depth = 0; cause instanceof Error && depth < MAX_CAUSES; depth++) {
    const reason = DISK_REASONS.get((cause as NodeJS.ErrnoException).code);
    if (reason !== undefined) return reason;
    cause = cause.cause;
  }
  return undefined;
}
