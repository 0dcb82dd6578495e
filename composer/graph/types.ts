/**
 * The graph, the compiled form of a composition or a sequence. Plain JSON, immutable, named by the sha256 of its canonical
 * text. Everything that runs it (host agent, control-flow scheduler, drawings) reads this form and no other.
 */
export interface Graph {
  readonly version: 1;
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly Edge[];
}

/**
 * From an output port to an input port, each written `node.port`; the port follows the last dot.
 * `$USER` is the caller: `$USER.params` gives the whole parameters, `$USER.<name>` one of them; an edge into
 * `$USER.result` gives the whole result, edges into other ports of `$USER` give `{port: value, …}`.
 */
export interface Edge {
  readonly from: string;
  readonly to: string;
}

/** Type of an input port: one value, or the values of all instances in index order. */
export type InputType = 'NORMAL' | 'LIST';

/**
 * Type of an output port: one value; values that each start an instance; one value of each instance, for a LIST
 * input (same as NORMAL, it says that the author means to collect); one of several branches.
 */
export type OutputType = 'NORMAL' | 'FOREACH' | 'MERGE' | 'SWITCH';

interface NodeBase {
  /** Unique in the graph; letters, digits, `_`, `-`, `[`, `]`; never `$USER`. */
  readonly id: string;
}

/**
 * Runs user code. With one input port its value is the function's parameters; with several they are `{port: value}`.
 * The returned value leaves by `out`. An error leaves by `error`, when that is wired; else it ends the activation.
 */
export interface ActionNode extends NodeBase {
  readonly kind: 'action';
  /** Fully qualified: `/ns/action` or `/ns/package/action`; `_` is the invoking namespace. */
  readonly action: string;
  readonly inputs: Readonly<Record<string, InputType>>;
  /** `out` is there always and need not be listed when it is NORMAL. */
  readonly outputs: Readonly<Record<string, OutputType>>;
  /** True in compositions: a result that is not an object becomes `{value: result}`. */
  readonly normalize?: boolean;
}

/** A straight run of inline functions, in the composition's own container. Input `in`, outputs `out`, `error`. */
export interface FunctionNode extends NodeBase {
  readonly kind: 'function';
  readonly functions: readonly { readonly path: string; readonly code: string }[];
}

/** Puts out a constant when a token arrives at `in`; `value` is an object (already normalised); `{error}` leaves by `error`. */
export interface LiteralNode extends NodeBase {
  readonly kind: 'literal';
  readonly value: Readonly<Record<string, unknown>>;
}

/** norm of Composer (the empty sequence): a value that is no object is boxed, one with `error` leaves by `error`. `in` → `out`. */
export interface NormNode extends NodeBase {
  readonly kind: 'norm';
}

/** Drops the fields beside `error` from a value that has one; else passes it. `in` → `out`. */
export interface StripNode extends NodeBase {
  readonly kind: 'strip';
}

/** Pushes a frame of variables (`let`), or hides the innermost frame not yet hidden (`mask`). `in` → `out`. */
export interface LetNode extends NodeBase {
  readonly kind: 'let';
  readonly declarations: Readonly<Record<string, unknown>>;
}
export interface MaskNode extends NodeBase {
  readonly kind: 'mask';
}

/** Cuts the environment back to its outermost `depth` frames: the way out of `let` and `mask`. `in` (exclusive edges) → `out`. */
export interface ScopeNode extends NodeBase {
  readonly kind: 'scope';
  readonly depth: number;
}

/**
 * Sends a value one of two ways by the truthiness of `test`'s member `value`. Inputs `test` and, when `byPass` is
 * true, `in`: then `in` is sent, else `test` itself. The environment is that of `test`. Outputs `then`, `else`.
 */
export interface GateNode extends NodeBase {
  readonly kind: 'gate';
  readonly byPass: boolean;
}

/** Compares one member of a value with literals, first match wins. Input `in`; outputs: the ports named here. */
export interface SwitchNode extends NodeBase {
  readonly kind: 'switch';
  /** Member names from the value's top; empty: the value itself. */
  readonly path: readonly string[];
  readonly cases: readonly { readonly equals: string | number | boolean | null; readonly port: string }[];
  /** Without it a value that matches nothing is an error. */
  readonly default?: string;
}

/**
 * Composer's `map`, entry: each element of the member `value` starts an instance (objects as they are, others boxed).
 * Input `in`; outputs `item` (FOREACH), `scope` (an empty value that carries the environment), `error`.
 */
export interface ScatterNode extends NodeBase {
  readonly kind: 'scatter';
  /** The combinator's place in the composition, for the error text. */
  readonly path: string;
}

/** Composer's `map`, exit: `{value: [results in order]}`; errors are data. Inputs `in` (LIST, exclusive edges), `scope`; output `out`. */
export interface GatherNode extends NodeBase {
  readonly kind: 'gather';
}

/** Composer's `parallel`, entry: the same value for every branch. Input `in`; outputs `branch`, `scope`. */
export interface ForkNode extends NodeBase {
  readonly kind: 'fork';
}

/** Composer's `parallel`, exit: `{value: [branch results in order]}`; errors are data. Inputs `0` … `width − 1` (exclusive edges), `scope`; output `out`. */
export interface JoinNode extends NodeBase {
  readonly kind: 'join';
  readonly width: number;
}

/** `{params, result}`. Inputs `params`, `result`; environment of `result`; output `out`. */
export interface RetainNode extends NodeBase {
  readonly kind: 'retain';
}

export type OperatorNode =
  | LiteralNode
  | NormNode
  | StripNode
  | LetNode
  | MaskNode
  | ScopeNode
  | GateNode
  | SwitchNode
  | ScatterNode
  | GatherNode
  | ForkNode
  | JoinNode
  | RetainNode;

export type GraphNode = ActionNode | FunctionNode | OperatorNode;
