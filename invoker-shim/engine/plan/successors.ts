import type { PlanNode, Successor, Way } from './plan.js';

/** Number of functions in a row that the look ahead covers. */
const LEVELS = 8;
/** Number of nodes that are visited: a hint need not be complete, and must not cost more than it saves. */
const LOOKED_AT = 64;
/** Least probability of a node that is warmed. */
const LIKELY = 0.5;

/** Nodes with user code that may run behind a node unless something fails, the nearest first. Operators are passed through. */
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

/** True when the end of these ways runs more often than not, by the choices seen so far. */
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

/** The functions on the way with the most of them: the end waits for the last of its inputs. */
export function longest(ways: readonly Way[]): readonly PlanNode[] {
  let { between } = ways[0]!;
  for (const way of ways) if (way.between.length > between.length) between = way.between;
  return between;
}

/** Number of instances of the end that are likely to run at once. */
export function instancesOf(ways: readonly Way[]): number {
  let most = 1;
  for (const { scatters } of ways) {
    let count = 1;
    for (const { typical } of scatters) count *= typical;
    most = Math.max(most, count);
  }
  return Math.round(most);
}
