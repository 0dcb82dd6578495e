import { fqn } from '../graph/fqn.js';
import { graphDigest } from '../graph/canonical.js';
import { isRecord } from '../graph/shape.js';
import type { ActionNode, Edge, Graph, GraphNode } from '../graph/types.js';
import { validateGraph } from '../graph/validate.js';

/** An action node as one writes it: the name may be short, one input `in` and no further output need not be said. */
export type WrittenAction = Pick<ActionNode, 'id' | 'kind' | 'action' | 'normalize'> &
  Partial<Pick<ActionNode, 'inputs' | 'outputs'>>;

/** What `graph` takes. */
export interface WrittenGraph {
  readonly nodes: readonly (WrittenAction | Exclude<GraphNode, ActionNode>)[];
  readonly edges: readonly Edge[];
}

/** A graph that has been checked, and its name. */
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

/** True for what `graph` has made, in this process or another. */
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
