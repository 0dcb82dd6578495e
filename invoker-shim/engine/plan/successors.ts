import type { FanOut } from './learned.js';
import type { PlanNode, PlanOutput } from './plan.js';

/** Functions in a row that are looked ahead. */
const LEVELS = 8;
/** Nodes that are looked at: a hint need not be complete, and must not cost more than what it saves. */
const LOOKED_AT = 64;
/** What is less likely than this to be needed is not warmed: more often than not that would be in vain. */
const LIKELY = 0.5;

/** One way from a node to a function that may run behind it. */
export interface Way {
  /** Functions on it, in order, without its ends. */
  readonly between: readonly PlanNode[];
  /** Outputs on it at which something was chosen. */
  readonly chosen: readonly PlanOutput[];
  /** Of the scatters that its end is inside of, the outermost first. */
  readonly scatters: readonly FanOut[];
}

/** A node with user code that may run behind another, and how it is come to: at least one way. */
export interface Successor {
  readonly node: PlanNode;
  readonly ways: readonly Way[];
}

/** What may run behind a node unless something fails: the nearest first, operators looked through. */
export function successorsOf(node: PlanNode): Successor[] {
  const look = new Look();
  look.behind(node, { between: [], chosen: [], scatters: [] });
  return [...look.found]
    .map(([next, ways]) => ({ node: next, ways }))
    .sort((a, b) => nearest(a.ways) - nearest(b.ways));
}

function nearest(ways: readonly Way[]): number {
  return Math.min(...ways.map(({ between }) => between.length));
}

class Look {
  readonly found = new Map<PlanNode, Way[]>();
  #left = LOOKED_AT;

  behind(node: PlanNode, way: Way): void {
    for (const output of node.outputs.values()) {
      if (output.name === 'error') continue;
      const chosen = output.choice === undefined ? way.chosen : [...way.chosen, output];
      const inside = output.fanOut === undefined ? way.scatters : [...way.scatters, output.fanOut];
      for (const { node: next, list } of output.edges) {
        const scatters = list ? inside.slice(0, -1) : inside;
        this.#at(next, { between: way.between, chosen, scatters });
      }
    }
  }

  #at(node: PlanNode, way: Way): void {
    const { kind } = node.node;
    if (kind === 'user' || this.#left-- <= 0) return;
    if (kind !== 'action' && kind !== 'function') {
      this.behind(node, way);
      return;
    }
    const ways = this.found.get(node);
    if (ways === undefined) this.found.set(node, [way]);
    else ways.push(way);
    if (way.between.length + 1 < LEVELS) this.behind(node, { ...way, between: [...way.between, node] });
  }
}

/** True when what they lead to runs more often than not, by what has been seen of their choices. */
export function isLikely(ways: readonly Way[]): boolean {
  let chance = 0;
  for (const { chosen } of ways) {
    let all = 1;
    for (const { choice, name } of chosen) all *= choice!.chanceOf(name);
    chance += all;
    if (chance > LIKELY) return true;
  }
  return false;
}

/** The functions between of the way with the most of them: what they lead to waits for the last of its inputs. */
export function longest(ways: readonly Way[]): readonly PlanNode[] {
  let { between } = ways[0]!;
  for (const way of ways) if (way.between.length > between.length) between = way.between;
  return between;
}

/** How many instances of what they lead to are likely to run at once. */
export function instancesOf(ways: readonly Way[]): number {
  let most = 1;
  for (const { scatters } of ways) {
    let count = 1;
    for (const { typical } of scatters) count *= typical;
    most = Math.max(most, count);
  }
  return Math.round(most);
}
