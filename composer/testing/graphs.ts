import type { ActionNode, Edge, Graph, GraphNode, InputType, OutputType } from '../graph/index.js';

/** An action node; the action is called like the node. */
export function action(
  id: string,
  inputs: Record<string, InputType> = { in: 'NORMAL' },
  outputs: Record<string, OutputType> = {},
): ActionNode {
  return { id, kind: 'action', action: `/_/${id}`, inputs, outputs };
}

/** Edges written `from → to`, a line each. */
export function edges(text: string): Edge[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => {
      const [from, to] = line.split(' → ');
      return { from: from!, to: to! };
    });
}

/** A graph of nodes and edges as text. */
export function graphOf(nodes: readonly GraphNode[], wires: string): Graph {
  return { version: 1, nodes, edges: edges(wires) };
}

/** Word count: a splitter, a counter for each part, a merger. */
export const wordCount = graphOf(
  [action('split', { in: 'NORMAL' }, { parts: 'FOREACH' }), action('count'), action('merge', { counts: 'LIST' })],
  `$USER.params → split.in
   split.parts → count.in
   count.out → merge.counts
   merge.out → $USER.result`,
);
