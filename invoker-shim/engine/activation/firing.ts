import type { Tag, TokenContext } from '../../pipes/pipe.js';
import type { Value } from '../../sink/value.js';
import type { PlanNode } from '../plan/plan.js';
import type { Activation } from './activation.js';

/** An instance of a node that has all its inputs. Everything that operators, runs and workflows inside need of it is here. */
export class Firing {
  constructor(
    readonly activation: Activation,
    readonly node: PlanNode,
    readonly tag: Tag,
    /** One value for each input of the node, in its order. Their references go with the firing. */
    readonly inputs: readonly Value[],
    /** Of the instance; `from` is the part whose token came last, which the instance has waited for longest. */
    readonly context: TokenContext,
  ) {}
}
