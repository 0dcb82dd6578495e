import type { Tag, TokenContext } from '../../pipes/pipe.js';
import type { Value } from '../../sink/value.js';
import type { PlanNode } from '../plan/plan.js';

/** A value in a slot, with its context. */
export interface Arrival {
  /** Undefined: the value has come, and its reference is released, since no instance will take it. */
  readonly value: Value | undefined;
  readonly context: TokenContext;
}

export const RELEASED: Arrival = { value: undefined, context: { env: null, components: 0, from: -1 } };

/** A node instance that has some of its inputs: one slot for each input of the node, in its order. */
export class Instance {
  readonly slots: (Arrival | undefined)[];
  #missing: number;

  constructor(
    readonly tag: Tag,
    inputs: number,
  ) {
    this.slots = new Array<Arrival | undefined>(inputs).fill(undefined);
    this.#missing = inputs;
  }

  /** Fills an empty slot; true when no slot is empty any more. */
  fill(slot: number, arrival: Arrival): boolean {
    this.slots[slot] = arrival;
    return --this.#missing === 0;
  }
}

/**
 * The context of an instance with all its inputs: its node's leading slot decides, else the first environment and the
 * highest component count. `from`: number of the part whose token came last.
 */
export function mergedContext(arrivals: readonly Arrival[], { leadingSlot }: PlanNode, from: number): TokenContext {
  if (leadingSlot >= 0) {
    const { env, components } = arrivals[leadingSlot]!.context;
    return { env, components, from };
  }
  let env: TokenContext['env'] = null;
  let components = 0;
  for (const { context } of arrivals) {
    env ??= context.env;
    if (context.components > components) components = context.components;
  }
  return { env, components, from };
}
