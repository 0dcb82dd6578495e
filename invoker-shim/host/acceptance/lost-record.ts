import { type ActivationRecord, LOST_HOST } from '@dataflower/common/records';
import type { AcceptedActivation } from './accepted.js';

/** OW-12: an error inside the platform. */
const LOST = 'There was an internal server error.';
/** OW-58: no host has started it. */
const NOT_STARTED = 'Failed to provision resources to run the action.';

/** The circumstances in which an activation was lost. */
export interface Loss {
  /** The host that it was given to. */
  readonly host: string;
  /** The host may have run it. */
  readonly started: boolean;
  readonly reason: string;
  /** Records of its parts, the oldest first. */
  readonly parts?: readonly ActivationRecord[];
}

/**
 * Makes the record of a lost activation: an internal error of the platform, with the annotations `lost`, `lostReason` and
 * `lostHost`. Its end is the time at which the loss was noticed.
 *
 * @param tookMs Time since the activation was received, in ms.
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
