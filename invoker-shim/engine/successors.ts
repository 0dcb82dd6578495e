import type { PlanNode } from './plan.js';

/** Nodes that are looked at: a hint need not be complete, and must not cost more than what it saves. */
const LOOKED_AT = 64;

/** The next nodes that run user code, looking through operators. */
export function successorsOf(node: PlanNode): PlanNode[] {
  const found: PlanNode[] = [];
  const seen = new Set<PlanNode>();
  const through = [node];
  for (const from of through) {
    for (const output of from.outputs.values()) {
      for (const { node: next } of output.edges) {
        if (seen.has(next)) continue;
        if (seen.size === LOOKED_AT) return found;
        seen.add(next);
        if (next.node.kind === 'action' || next.node.kind === 'function') found.push(next);
        else through.push(next);
      }
    }
  }
  return found;
}
