import { fqn } from '../graph/fqn.js';
import { graphDigest } from '../graph/canonical.js';
import { isRecord } from '../graph/shape.js';
import type { ActionNode, Edge, Graph, GraphNode } from '../graph/types.js';
import { validateGraph } from '../graph/validate.js';

/** An action node as written by hand: the name may be short; inputs default to one, `in`, and outputs to none beside `out`. */
export type WrittenAction = Pick<ActionNode, 'id' | 'kind' | 'action' | 'normalize'> &
  Partial<Pick<ActionNode, 'inputs' | 'outputs'>>;

/** The argument of `graph`. */
export interface WrittenGraph {
  readonly nodes: readonly (WrittenAction | Exclude<GraphNode, ActionNode>)[];
  readonly edges: readonly Edge[];
}

/** A checked graph and its digest. */
export interface GraphForm {
  readonly graph: Graph;
  readonly digest: string;
}

/**
 * A workflow written as a graph, for functions with several inputs and outputs: `{nodes, edges}` with ends `node.port`
 * and `$USER` for the caller. Throws `GraphError`.
 */
export function graph(written: WrittenGraph): GraphForm {
  const { nodes, ...rest } = isRecord(written) ? (written as unknown as Record<string, unknown>) : {};
  const whole = { version: 1, ...rest, nodes: Array.isArray(nodes) ? nodes.map(complete) : nodes };
  const json: unknown = JSON.parse(JSON.stringify(whole));
  const checked = validateGraph(json);
  return { graph: checked, digest: graphDigest(checked) };
}

/** True for a result of `graph`, made in this process or another. */
export function isGraphForm(value: unknown): value is GraphForm {
  return isRecord(value) && isRecord(value.graph) && typeof value.digest === 'string';
}

function complete(node: unknown): unknown {
  if (!isRecord(node) || node.kind !== 'action') return node;
  return {
    ...node,
    action: qualified(node.action),
    inputs: node.inputs ?? { in: 'NORMAL' },
    outputs: node.outputs ?? {},
  };
}

function qualified(name: unknown): unknown {
  try {
    return fqn(name);
  } catch {
    return name;
  }
}
