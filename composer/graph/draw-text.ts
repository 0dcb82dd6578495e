import { topologicalOrder } from './order.js';
import { USER } from './ports.js';
import { scopesOf } from './scopes.js';
import type { Graph, GraphNode } from './types.js';
import { wire, type Wire } from './wiring.js';

/** The function of a node, in a few words. */
export function describe(node: GraphNode): string {
  switch (node.kind) {
    case 'action':
      return `action ${node.action}`;
    case 'function':
      return node.functions.length === 1 ? 'function' : `${node.functions.length} functions`;
    case 'literal':
      return `literal ${shorten(JSON.stringify(node.value))}`;
    case 'let':
      return `let ${Object.keys(node.declarations).join(', ')}`;
    case 'scope':
      return `scope ${node.depth}`;
    case 'gate':
      return node.byPass ? 'gate by test' : 'gate';
    case 'switch':
      return `switch on ${node.path.join('.') || 'the value'}`;
    default:
      return node.kind;
  }
}

function shorten(text: string): string {
  return text.length > 40 ? `${text.slice(0, 37)}...` : text;
}

function source(wire: Wire): string {
  return wire.type === 'FOREACH' ? `${wire.edge.from} (FOREACH)` : wire.edge.from;
}

/**
 * A graph as text, to read and to compare: each node after its producers, with the sources of each of its inputs, and
 * the scatters that it is inside of. Takes a valid graph.
 */
export function drawText(graph: Graph): string {
  const wiring = wire(graph);
  const order = topologicalOrder(wiring);
  const scopes = scopesOf(wiring, order);
  const lines: string[] = [];
  const input = (endpoint: string, name: string): void => {
    const wires = wiring.into.get(endpoint) ?? [];
    lines.push(`  ${name} ← ${wires.map(source).join(' | ')}`);
  };
  for (const id of order) {
    const inside = scopes.get(id)!;
    lines.push(`${id}: ${describe(wiring.nodes.get(id)!)}${inside.length === 0 ? '' : ` × ${inside.join(' × ')}`}`);
    for (const [port, { type }] of Object.entries(wiring.inputs.get(id)!)) {
      input(`${id}.${port}`, type === 'LIST' ? `${port} (LIST)` : port);
    }
  }
  lines.push(USER);
  for (const endpoint of wiring.into.keys()) {
    if (endpoint.startsWith(`${USER}.`)) input(endpoint, endpoint.slice(USER.length + 1));
  }
  return lines.join('\n');
}
