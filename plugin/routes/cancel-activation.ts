import { ApiError, malformedQuery, noSuchEntity, unavailable } from '@dataflower/common/http';
import type { RecordStore } from '@dataflower/common/records';
import type { CancelOutcome, Host } from '@dataflower/invoker-shim';
import type { Query } from '../http/query.js';

const LONGEST_REASON = 256;
/** No control characters: the reason is printed in logs and on terminals. */
const REASON = /^[^\p{Cc}]*$/u;

/** The error text of a cancelled activation, in the answer and in the record. */
export function cancelText(reason: string | null): string {
  return reason === null || reason === '' ? 'The activation was cancelled.' : `The activation was cancelled: ${reason}`;
}

/** Cancels an activation of a namespace (DV-19). Throws `ApiError` 404, 409 or 503 when it is not cancelled. */
export async function cancelActivation(
  host: Host,
  records: RecordStore,
  namespace: string,
  activationId: string,
  query: Query,
): Promise<{ readonly activationId: string }> {
  const reason = query.get('reason');
  if (reason !== null && (reason.length > LONGEST_REASON || !REASON.test(reason))) {
    throw malformedQuery('reason', `A reason has up to ${LONGEST_REASON} characters and no control characters.`);
  }
  let outcome: CancelOutcome;
  try {
    outcome = await host.cancel({ activationId, namespace, reason: cancelText(reason) });
  } catch (cause) {
    throw unavailable('The host that may run the activation does not answer: try again.', cause);
  }
  if (outcome.outcome === 'part')
    throw new ApiError(409, `This activation is a part of ${outcome.of}: cancel that one, its parts end with it.`);
  if (outcome.outcome === 'stopping') return { activationId };
  if ((await records.get(namespace, activationId)) === undefined) throw noSuchEntity();
  throw new ApiError(409, 'The activation has ended: there is nothing left to cancel.');
}
