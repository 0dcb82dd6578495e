import type { Pipe, Tag } from '../../pipes/pipe.js';
import type { PlanNode } from '../plan/plan.js';

/** Id of a host among those of an activation. */
export type HostId = string;

/**
 * Where the instance (node, tag) of an activation is matched and runs: a pure function that every host of the activation
 * computes alike, without asking another. Undefined: this host.
 */
export type NodePlacement = (node: PlanNode, tag: Tag) => HostId | undefined;

/** The placement of an activation that has one host. */
export const hereAlone: NodePlacement = () => undefined;

/** Finds the pipe to the host of an instance. */
export class Routing {
  readonly #here: Pipe;
  readonly #placement: NodePlacement;

  constructor(here: Pipe, placement: NodePlacement = hereAlone) {
    this.#here = here;
    this.#placement = placement;
  }

  /** Throws for a host that has no pipe. */
  pipeTo(node: PlanNode, tag: Tag): Pipe {
    const host = this.#placement(node, tag);
    if (host === undefined) return this.#here;
    throw new Error(`no pipe leads to the host ${host}`);
  }
}
