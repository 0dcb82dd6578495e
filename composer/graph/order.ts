import { GraphError } from './error.js';
import { USER } from './ports.js';
import type { Wiring } from './wiring.js';

/**
 * The nodes in topological order, with the nodes of one branch side by side. Throws `GraphError` CYCLE, naming the nodes of
 * one cycle.
 */
export function topologicalOrder(wiring: Wiring): string[] {
  const waiting = new Map<string, number>();
  for (const id of wiring.nodes.keys()) waiting.set(id, 0);
  for (const wires of wiring.outOf.values()) {
    for (const { fromNode, toNode } of wires) {
      if (fromNode !== USER && toNode !== USER) waiting.set(toNode, waiting.get(toNode)! + 1);
    }
  }
  const ready = [...waiting].filter(([, count]) => count === 0).map(([id]) => id);
  ready.reverse();
  const order: string[] = [];
  for (let id = ready.pop(); id !== undefined; id = ready.pop()) {
    order.push(id);
    for (const { toNode } of (wiring.outOf.get(id) ?? []).toReversed()) {
      if (toNode === USER) continue;
      const left = waiting.get(toNode)! - 1;
      waiting.set(toNode, left);
      if (left === 0) ready.push(toNode);
    }
  }
  if (order.length < wiring.nodes.size) {
    const cycle = findCycle(wiring, new Set(order));
    throw new GraphError(
      'CYCLE',
      'edges',
      `the edges make a cycle: ${shown(cycle)}; a graph has none, remove one of these edges`,
    );
  }
  return order;
}

/** Walks backwards among the nodes that are not in order, each of which has such a producer, until one comes again. */
function findCycle(wiring: Wiring, inOrder: ReadonlySet<string>): string[] {
  const producer = new Map<string, string>();
  for (const [from, wires] of wiring.outOf) {
    if (from === USER || inOrder.has(from)) continue;
    for (const { toNode } of wires) producer.set(toNode, from);
  }
  const place = new Map<string, number>();
  const walk: string[] = [];
  let at = [...producer.values()][0]!;
  while (!place.has(at)) {
    place.set(at, walk.length);
    walk.push(at);
    at = producer.get(at)!;
  }
  const cycle = walk.slice(place.get(at)).reverse();
  return [...cycle, cycle[0]!];
}

/** A cycle may go through every node. */
function shown(cycle: readonly string[]): string {
  const most = 20;
  if (cycle.length <= most) return cycle.join(' → ');
  return [...cycle.slice(0, most - 1), `${cycle.length - most} more`, cycle[0]!].join(' → ');
}
