import { type ActivationRecord, LOST_HOST } from '@dataflower/common/records';
import type { AcceptedActivation } from './accepted.js';

/** OW-12: what went wrong inside the platform. */
const LOST = 'There was an internal server error.';
/** OW-58: it never got to a host. */
const NOT_STARTED = 'Failed to provision resources to run the action.';

/** How an activation was lost. */
export interface Loss {
  /** The host that it was given to. */
  readonly host: string;
  /** It may have run. */
  readonly started: boolean;
  readonly reason: string;
  /** Records of its parts, the oldest first. */
  readonly parts?: readonly ActivationRecord[];
}

/**
 * The record of an activation that was lost: an internal error of the platform. The annotations `lost`, `lostReason` and
 * `lostHost` say so. It ends when it was found to be lost.
 *
 * @param tookMs How long ago it came in.
 */
export function lostRecord(accepted: AcceptedActivation, loss: Loss, tookMs: number): ActivationRecord {
  const { activationId, identity, target, receivedAt } = accepted;
  const { host, started, reason, parts = [] } = loss;
  const { action } = target;
  const result = JSON.stringify({ error: started ? LOST : NOT_STARTED });
  const cause = target.type === 'workflow' ? target.cause : undefined;
  const took = Math.max(0, tookMs);
  return {
    activationId,
    namespace: identity.namespace,
    subject: identity.subject,
    name: action.name,
    version: action.version,
    ...(cause === undefined ? {} : { cause }),
    start: receivedAt,
    end: receivedAt + took,
    duration: parts.length === 0 ? took : parts.reduce((sum, { duration }) => sum + duration, 0),
    status: 3,
    result,
    size: Buffer.byteLength(result),
    logs: parts.map((part) => part.activationId),
    annotations: {
      path: action.path,
      kind: target.type === 'workflow' ? 'sequence' : action.kind,
      ...(target.type === 'workflow' ? { topmost: cause === undefined } : { timeout: false }),
      ...(target.type === 'workflow' && target.workflow === 'composition' ? { conductor: true } : {}),
      ...(cause === undefined ? {} : { causedBy: 'sequence' }),
      limits: action.limits,
      ...(action.binding === undefined ? {} : { binding: action.binding }),
      lost: true,
      lostReason: reason,
      [LOST_HOST]: host,
    },
  };
}
