import type { HostLoad, HostReach, StartMessage } from '../host.js';

/** A host as placement sees it. */
export interface HostCandidate {
  readonly id: string;
  readonly reach: HostReach;
  /** Undefined while it is not connected. */
  readonly load: HostLoad | undefined;
  /** Activations that were given to the host and are not answered. */
  readonly unanswered: number;
}

/** Decides which host runs an activation. */
export interface Placement {
  /** One of `hosts`. Throws `HostLinkError`, and chooses none, when no host takes work. */
  choose<H extends HostCandidate>(message: StartMessage, hosts: readonly [H, ...H[]]): H;
}
