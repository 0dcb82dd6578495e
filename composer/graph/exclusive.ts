import { GraphError } from './error.js';
import { USER } from './ports.js';
import type { GraphNode } from './types.js';
import type { Wire, Wiring } from './wiring.js';

/**
 * Checks that no input port can get two values for one run (one instance, inside a FOREACH).
 *
 * For one port, `load` of a node is the most values that the port can get because the node ran once. Consumers of one
 * output add up, outputs that exclude each other do not. A node with several inputs runs once for its last one, so it is
 * counted through one input alone, the deepest; each choice is safe, and this one sees that a gate comes after its
 * test, a join after its branches. Ports are taken producers first, so a node above the one looked at runs at most
 * once: the walk up ends where all ways meet.
 */
export function checkExclusive(wiring: Wiring, order: readonly string[]): void {
  const rank = new Map(order.map((id, i) => [id, i]));
  const depth = depths(wiring, order);
  for (const id of [...order, USER]) {
    for (const port of portsOf(wiring, id)) {
      const wires = wiring.into.get(`${id}.${port}`)!;
      if (wires.length > 1) checkPort(wiring, rank, depth, `${id}.${port}`, wires);
    }
  }
}

function portsOf(wiring: Wiring, id: string): string[] {
  if (id !== USER) return Object.keys(wiring.inputs.get(id)!);
  return [...wiring.into.keys()].filter((to) => to.startsWith(`${USER}.`)).map((to) => to.slice(USER.length + 1));
}

/** The input port of each node through which it is counted. */
function depths(wiring: Wiring, order: readonly string[]): ReadonlyMap<string, string> {
  const depth = new Map<string, number>([[USER, 0]]);
  const deepest = new Map<string, string>();
  for (const id of order) {
    let best = -1;
    for (const port of Object.keys(wiring.inputs.get(id)!)) {
      const level = wiring.into.get(`${id}.${port}`)!.reduce((max, w) => Math.max(max, depth.get(w.fromNode)!), 0);
      if (level <= best) continue;
      best = level;
      deepest.set(id, port);
    }
    depth.set(id, best + 1);
  }
  return deepest;
}

function checkPort(
  wiring: Wiring,
  rank: ReadonlyMap<string, number>,
  deepest: ReadonlyMap<string, string>,
  target: string,
  wires: readonly Wire[],
): void {
  const load = new Map<Wire, number>();
  const pending = new Ranks(rank);
  const reach = (from: readonly Wire[], value: number): void => {
    for (const wire of from) {
      load.set(wire, value);
      pending.add(wire.fromNode);
    }
  };
  reach(wires, 1);
  for (;;) {
    const id = pending.takeLast();
    const ports = new Map<string, number>();
    for (const wire of wiring.outOf.get(id)!) {
      const value = load.get(wire);
      if (value !== undefined) ports.set(wire.fromPort, (ports.get(wire.fromPort) ?? 0) + value);
    }
    const value = most(wiring.nodes.get(id), ports);
    if (value > 1) {
      const names = wires.slice(0, 4).map((w) => w.edge.from);
      if (wires.length > 4) names.push(`${wires.length - 4} more`);
      throw new GraphError(
        'NOT_EXCLUSIVE',
        'edges',
        `"${target}" may get more than one value in one run (from ${names.join(', ')}); edges into one port come from branches of one choice, or from out and error of one node`,
      );
    }
    if (pending.empty) return;
    reach(wiring.into.get(`${id}.${deepest.get(id)!}`)!, value);
  }
}

/** The most values that one run of a node causes, given what each of its output ports causes. */
function most(node: GraphNode | undefined, ports: ReadonlyMap<string, number>): number {
  const of = (port: string): number => ports.get(port) ?? 0;
  const sum = (names: Iterable<string>): number => [...names].reduce((total, port) => total + of(port), 0);
  switch (node?.kind) {
    case undefined:
    case 'fork':
      return sum(ports.keys());
    case 'scatter':
      return Math.max(of('error'), of('item') + of('scope'));
    case 'action': {
      const types = Object.entries(node.outputs);
      const branches = types.filter(([, type]) => type === 'SWITCH').map(([port]) => port);
      const emits = types
        .filter(([port, type]) => type !== 'SWITCH' && port !== 'out' && port !== 'error')
        .map(([p]) => p);
      const chosen = (except: string): number => Math.max(0, ...branches.filter((p) => p !== except).map(of));
      const returns = branches.includes('out') ? Math.max(of('out'), chosen('out')) : of('out') + chosen('');
      return sum(emits) + Math.max(returns, of('error') + chosen('out'));
    }
    default:
      return Math.max(0, ...ports.values());
  }
}

/** A set of nodes that gives back the one latest in the order; `$USER` is before all. */
class Ranks {
  readonly #heap: { id: string; rank: number }[] = [];
  readonly #has = new Set<string>();
  constructor(readonly rank: ReadonlyMap<string, number>) {}

  get empty(): boolean {
    return this.#heap.length === 0;
  }

  add(id: string): void {
    if (this.#has.has(id)) return;
    this.#has.add(id);
    const heap = this.#heap;
    const item = { id, rank: this.rank.get(id) ?? -1 };
    let at = heap.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]!.rank >= item.rank) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = item;
  }

  takeLast(): string {
    const heap = this.#heap;
    const top = heap[0]!;
    const item = heap.pop()!;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.rank > heap[child]!.rank) child++;
      if (heap[child]!.rank <= item.rank) break;
      heap[at] = heap[child]!;
      at = child;
    }
    if (heap.length > 0) heap[at] = item;
    this.#has.delete(top.id);
    return top.id;
  }
}
