import type { Definition } from '@dataflower/action-runtime/protocol';
import type { ActionNode, FunctionNode, OperatorNode, USER } from '@dataflower/composer/graph';
import type { Choice, FanOut } from './learned.js';

/** A graph made ready to run: names are numbers, and all facts that only depend on the graph are computed. */
export interface Plan {
  readonly nodes: readonly PlanNode[];
  /** Every input port of every node; a token names its port by the index here. */
  readonly inputs: readonly PlanInput[];
  /** Inputs that get the caller's parameters: as a whole, and single ones by name. */
  readonly params: readonly PlanInput[];
  readonly named: ReadonlyMap<string, readonly PlanInput[]>;
  /** The node `$USER`, whose inputs are the result; its index is the last. */
  readonly user: PlanNode;
  /** Edges by the node that they lead to; computed at the first call. */
  producers(): ReadonlyMap<PlanNode, readonly Producer[]>;
}

/** An edge, seen from its consumer. */
export interface Producer {
  readonly from: PlanNode;
  /** Output port of the producer. */
  readonly by: string;
  /** Input port of the consumer. */
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
  /** An additional index of the port, for the counts of the instances that a value from outside serves. */
  readonly outerCount: boolean;
}

export interface PlanOutput {
  readonly name: string;
  readonly foreach: boolean;
  /** True for the SWITCH ports of an action, of which at most one gets a value. */
  readonly branch: boolean;
  readonly edges: readonly PlanInput[];
  /** Inputs that get the number of values that left by this output: LIST ports that collect them, and values from outside. */
  readonly counted: readonly PlanInput[];
  /** Statistics of the choice that this output is one way of. */
  readonly choice: Choice | undefined;
  /** Statistics of the number of values that leave by a FOREACH output. */
  readonly fanOut: FanOut | undefined;
}

export interface PlanNode {
  readonly index: number;
  readonly id: string;
  /** `$USER` has the kind `user`. */
  readonly node: ActionNode | FunctionNode | OperatorNode | UserNode;
  /** Length of the tags of its instances. */
  readonly depth: number;
  readonly inputs: readonly PlanInput[];
  /** The wired outputs, and `out`. */
  readonly outputs: ReadonlyMap<string, PlanOutput>;
  readonly out: PlanOutput | undefined;
  readonly error: PlanOutput | undefined;
  readonly foreach: readonly PlanOutput[];
  /** True with one NORMAL input outside every scatter: a token is a firing, without matching. */
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

/** One way from a node to a function that may run behind it. */
export interface Way {
  /** Functions on it, in order, without its ends. */
  readonly between: readonly PlanNode[];
  /** Outputs on it that are one way of a choice. */
  readonly chosen: readonly PlanOutput[];
  /** Learnt sizes of the scatters around its end, the outermost first. */
  readonly scatters: readonly FanOut[];
}

/** A node with user code that may run behind another, and the ways to it, at least one. */
export interface Successor {
  readonly node: PlanNode;
  readonly ways: readonly Way[];
}
