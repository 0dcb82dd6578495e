import { HostLinkError } from '../wire/errors.js';
import type { HostCandidate, Placement } from './placement.js';

const NOT_CONNECTED = 1_000_000;

/**
 * Chooses the connected host with the fewest unanswered activations; without one, the host that is being reconnected. The
 * host itself refuses what it cannot take.
 */
export const fewestUnanswered: Placement = {
  choose(_message, hosts) {
    let [best] = hosts;
    for (const host of hosts) if (rank(host) < rank(best)) best = host;
    if (best.load?.full === true) {
      throw new HostLinkError('OVERLOADED', `The record files of the host ${best.id} are full.`);
    }
    return best;
  },
};

/** The lowest rank is chosen; infinite: the host takes no work. */
function rank({ reach, load, unanswered }: HostCandidate): number {
  if (reach === 'lost' || load?.full === true || load?.draining === true) return Infinity;
  return unanswered + (reach === 'connected' ? 0 : NOT_CONNECTED);
}
