import { describe } from './draw-text.js';
import { USER, splitEndpoint } from './ports.js';
import type { Graph, GraphNode } from './types.js';
import { wire } from './wiring.js';

function quoted(text: string): string {
  return `"${text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')}"`;
}

function box(node: GraphNode): string {
  const label = quoted(`${node.id}: ${describe(node)}`);
  switch (node.kind) {
    case 'action':
      return `[${label}]`;
    case 'function':
      return `([${label}])`;
    case 'gate':
    case 'switch':
      return `{${label}}`;
    default:
      return `{{${label}}}`;
  }
}

/**
 * A graph as a Mermaid flow chart: actions are boxes, functions are round, choices are diamonds; edges of errors are
 * dotted, edges that start many instances are thick. Takes a valid graph.
 */
export function drawMermaid(graph: Graph): string {
  const { outOf } = wire(graph);
  const names = new Map(graph.nodes.map((node, i) => [node.id, `n${i}`]));
  const name = (id: string, end: string): string => (id === USER ? end : names.get(id)!);
  const lines = ['flowchart TD', '  caller((caller))', '  result((result))'];
  for (const node of graph.nodes) lines.push(`  ${names.get(node.id)!}${box(node)}`);
  const types = new Map([...outOf.values()].flat().map((w) => [w.edge.from, w.type]));
  for (const { from, to } of graph.edges) {
    const start = splitEndpoint(from)!;
    const end = splitEndpoint(to)!;
    const arrow = start.port === 'error' ? '-.->' : types.get(from) === 'FOREACH' ? '==>' : '-->';
    const usual = start.port === 'out' && (end.port === 'in' || end.port === 'result');
    const label = usual ? '' : `|${quoted(`${start.port} → ${end.port}`)}|`;
    lines.push(`  ${name(start.node, 'caller')} ${arrow}${label} ${name(end.node, 'result')}`);
  }
  return lines.join('\n');
}
