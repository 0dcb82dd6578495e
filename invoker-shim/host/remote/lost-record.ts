import type { ActivationRecord } from '../../records/record.js';
import { LOST_HOST } from '../../records/precedence.js';
import type { StartMessage } from '../host.js';

/** OW-12: what went wrong inside the platform. */
const LOST = 'There was an internal server error.';
/** OW-58: it never got to a host. */
const NOT_STARTED = 'Failed to provision resources to run the action.';

/**
 * The record of an activation whose host was lost: an internal error of the platform. The annotation `lostHost` names
 * the host; `started` says whether it may have run. `now` is the clock's.
 */
export function lostRecord(message: StartMessage, hostId: string, started: boolean, now: number): ActivationRecord {
  const { activationId, identity, target, receivedAt, received } = message;
  const duration = Math.max(0, now - received);
  const { action } = target;
  const result = JSON.stringify({ error: started ? LOST : NOT_STARTED });
  const workflow = target.type === 'workflow';
  return {
    activationId,
    namespace: identity.namespace,
    subject: identity.subject,
    name: action.name,
    version: action.version,
    start: receivedAt,
    end: receivedAt + duration,
    duration,
    status: 3,
    result,
    size: Buffer.byteLength(result),
    logs: [],
    annotations: {
      path: action.path,
      kind: workflow ? 'sequence' : action.kind,
      ...(workflow ? { topmost: true } : { timeout: false }),
      ...(workflow && target.workflow === 'composition' ? { conductor: true } : {}),
      limits: action.limits,
      ...(action.binding === undefined ? {} : { binding: action.binding }),
      [LOST_HOST]: hostId,
    },
  };
}
