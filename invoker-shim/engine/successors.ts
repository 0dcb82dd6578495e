import { outputPorts } from '@dataflower/composer/graph';
import type { GraphNode } from '@dataflower/composer/graph';
import type { PlanNode } from './plan.js';

/** Functions in a row that are looked ahead: while the first waits for its container, those of two more start. */
const LEVELS = 2;
/** Nodes that are looked at: a hint need not be complete, and must not cost more than what it saves. */
const LOOKED_AT = 64;

/** How many functions ahead of a node each of its successors is, from 1. */
type Ahead = Map<PlanNode, number>;

/**
 * The nodes with user code that run after this one whatever happens, unless something fails: the nearest first, operators
 * looked through. Of what follows a choice only those are among them that follow whichever branch is taken.
 */
export function successorsOf(node: PlanNode): PlanNode[] {
  const found = [...new Look().after(node, LEVELS)];
  return found.sort(([, a], [, b]) => a - b).map(([next]) => next);
}

class Look {
  #left = LOOKED_AT;

  /** What follows a node, at most so many functions ahead. */
  after(node: PlanNode, levels: number): Ahead {
    const found: Ahead = new Map();
    let shared: Ahead | undefined;
    for (const [name, type] of Object.entries(outputPorts(node.node as GraphNode))) {
      if (name === 'error') continue;
      const behind = this.#behind(node, name, levels);
      if (type === 'SWITCH') shared = shared === undefined ? behind : inBoth(shared, behind);
      else add(found, behind);
    }
    if (shared !== undefined) add(found, shared);
    return found;
  }

  #behind(node: PlanNode, output: string, levels: number): Ahead {
    const found: Ahead = new Map();
    for (const { node: next } of node.outputs.get(output)?.edges ?? []) {
      const { kind } = next.node;
      if (kind === 'user' || this.#left-- <= 0) continue;
      if (kind !== 'action' && kind !== 'function') {
        add(found, this.after(next, levels));
        continue;
      }
      add(found, new Map([[next, 1]]));
      if (levels > 1) add(found, this.after(next, levels - 1), 1);
    }
    return found;
  }
}

/** Adds what is found `further` functions ahead; of a node that is there already the nearer place counts. */
function add(to: Ahead, from: Ahead, further = 0): void {
  for (const [node, ahead] of from) {
    const known = to.get(node);
    if (known === undefined || known > ahead + further) to.set(node, ahead + further);
  }
}

function inBoth(one: Ahead, other: Ahead): Ahead {
  const both: Ahead = new Map();
  for (const [node, ahead] of one) {
    const there = other.get(node);
    if (there !== undefined) both.set(node, Math.max(ahead, there));
  }
  return both;
}
