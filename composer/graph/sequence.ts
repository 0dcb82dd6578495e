import type { ActionNode, Edge, Graph } from './types.js';
import { USER } from './ports.js';

/**
 * The graph of an OpenWhisk sequence: one action after the other, each taking the whole result of the one before. The
 * names are fully qualified; an error ends the activation. Throws when there is no component.
 */
export function compileSequence(components: readonly string[]): Graph {
  if (components.length === 0) throw new Error('A sequence has at least one component.');
  const nodes = components.map((action, i): ActionNode => ({
    id: String(i),
    kind: 'action',
    action,
    inputs: { in: 'NORMAL' },
    outputs: {},
  }));
  const edges = nodes.map((node, i): Edge => ({
    from: i === 0 ? `${USER}.params` : `${i - 1}.out`,
    to: `${node.id}.in`,
  }));
  return { version: 1, nodes, edges: [...edges, { from: `${nodes.length - 1}.out`, to: `${USER}.result` }] };
}
