import type { Definition } from '@dataflower/action-runtime/protocol';
import type { ActionNode, FunctionNode, OperatorNode, USER } from '@dataflower/composer/graph';
import type { Choice, FanOut } from './learned.js';
import type { Successor } from './successors.js';

/** A graph made ready to run: names are numbers, and everything that only depends on the graph is worked out. */
export interface Plan {
  readonly nodes: readonly PlanNode[];
  /** Every input port of every node; a token names its port by the index here. */
  readonly inputs: readonly PlanInput[];
  /** What the caller feeds: the whole parameters, and single ones by name. */
  readonly params: readonly PlanInput[];
  readonly named: ReadonlyMap<string, readonly PlanInput[]>;
  /** The node that stands for the caller's end; its index is the last. */
  readonly user: PlanNode;
  /** What feeds each node, found when it is first asked for. */
  producers(): ReadonlyMap<PlanNode, readonly Producer[]>;
}

/** An edge, as its consumer sees it. */
export interface Producer {
  readonly from: PlanNode;
  /** Its output. */
  readonly by: string;
  /** The consumer's input. */
  readonly port: string;
}

/** One input port of a node. */
export interface PlanInput {
  readonly index: number;
  readonly node: PlanNode;
  /** Position among the node's inputs. */
  readonly slot: number;
  readonly name: string;
  readonly list: boolean;
  /** Length of the tag that a value has when it fills the slot (of a LIST: after collecting). */
  readonly depth: number;
  /** A second number of the same port, for the counts that say how many instances a value from outside has to serve. */
  readonly outerCount: boolean;
}

export interface PlanOutput {
  readonly name: string;
  readonly foreach: boolean;
  /** It is one of the SWITCH ports of its node: at most one of them gets a value. */
  readonly branch: boolean;
  readonly edges: readonly PlanInput[];
  /** Ports that must hear how many values left by this output: LIST ports that collect them, and values from outside. */
  readonly counted: readonly PlanInput[];
  /** What has been learnt of the choice that this output is one way of. */
  readonly choice: Choice | undefined;
  /** What has been learnt of how many values leave by it; of FOREACH outputs. */
  readonly fanOut: FanOut | undefined;
}

export interface PlanNode {
  readonly index: number;
  readonly id: string;
  /** The caller's end has kind `user`. */
  readonly node: ActionNode | FunctionNode | OperatorNode | UserNode;
  /** Length of the tags of its instances. */
  readonly depth: number;
  readonly inputs: readonly PlanInput[];
  /** Those that are wired, and `out`. */
  readonly outputs: ReadonlyMap<string, PlanOutput>;
  readonly out: PlanOutput | undefined;
  readonly error: PlanOutput | undefined;
  readonly foreach: readonly PlanOutput[];
  /** One NORMAL input outside every scatter: a token is an instance, nothing to match. */
  readonly simple: boolean;
  /** Slot whose environment and component count the node goes on with; −1: the first environment, the highest count. */
  readonly leadingSlot: number;
  readonly definition: Definition | undefined;
  /** JSON of the frame that a `let` or a `mask` adds to the environment. */
  readonly frame: string | undefined;
  /** Action and function nodes that may run next, the nearest first: their containers start while this one waits or runs. */
  successors(): readonly Successor[];
}

export interface UserNode {
  readonly kind: 'user';
  readonly id: typeof USER;
}
