import { GraphError } from './error.js';
import { most, roleOf, type Role } from './outcomes.js';
import { USER } from './ports.js';
import type { Wire, Wiring } from './wiring.js';

/** Nodes and edges looked at in all; a composition of the largest size needs a fraction of it. */
const WORK_LIMIT = 8_000_000;

/** A node by its place in the order (`$USER` is first), with the data for the way up. */
interface Place {
  /** Roles of the output ports that edges leave, by number. */
  readonly roles: readonly Role[];
  /** Values that the checked port gets from each output port reached so far in one run; one check fills and empties it. */
  readonly reached: Map<number, number>;
  /** The edges into the input through which the node is counted. */
  up: readonly Upward[];
}

/** An edge, followed from its end to its beginning: rank of the node and number of the output port there. */
interface Upward {
  readonly rank: number;
  readonly port: number;
}

/**
 * Checks that no input port can get two values for one run (one instance, inside a FOREACH). Throws `GraphError`
 * NOT_EXCLUSIVE, or TOO_LARGE when that cannot be seen with bounded work.
 *
 * For one port, the load of a node is the most values that the port can get because the node ran once. Consumers of one
 * output add up, outputs that exclude each other do not. A node with several inputs runs once for its last one, so it is
 * counted through one input alone, the deepest; each choice is safe, and this one sees that a gate comes after its
 * test, a join after its branches. Ports are taken producers first, so a node above the one looked at runs at most
 * once: the walk up ends where all ways meet.
 */
export function checkExclusive(wiring: Wiring, order: readonly string[]): void {
  const walk = new Walk(wiring, order);
  for (const id of order) {
    for (const port of Object.keys(wiring.inputs.get(id)!)) walk.check(`${id}.${port}`);
  }
  for (const endpoint of wiring.into.keys()) {
    if (endpoint.startsWith(`${USER}.`)) walk.check(endpoint);
  }
}

class Walk {
  readonly #places: Place[];
  readonly #ranks: Map<string, number>;
  /** Numbers of the output ports of each node that edges leave. */
  readonly #ports: readonly Map<string, number>[];
  readonly #roles: Role[] = [];
  readonly #sums: number[] = [];
  #work = 0;

  constructor(
    readonly wiring: Wiring,
    order: readonly string[],
  ) {
    const ids = [USER, ...order];
    this.#ranks = new Map(ids.map((id, i) => [id, i]));
    this.#ports = ids.map((id) => numbered(wiring.outOf.get(id) ?? []));
    const depth = new Map<string, number>([[USER, 0]]);
    this.#places = ids.map((id, rank) => this.#place(id, rank, depth));
  }

  #place(id: string, rank: number, depth: Map<string, number>): Place {
    const node = this.wiring.nodes.get(id);
    const roles = [...this.#ports[rank]!.keys()].map((port) => roleOf(node, port));
    let up: readonly Wire[] = [];
    let best = -1;
    for (const port of Object.keys(this.wiring.inputs.get(id) ?? {})) {
      const into = this.wiring.into.get(`${id}.${port}`)!;
      const level = into.reduce((max, wire) => Math.max(max, depth.get(wire.fromNode)!), 0);
      if (level > best) [best, up] = [level, into];
    }
    depth.set(id, best + 1);
    return { roles, reached: new Map<number, number>(), up: this.#upwards(up) };
  }

  #upwards(wires: readonly Wire[]): Upward[] {
    return wires.map(({ fromNode, fromPort }) => {
      const rank = this.#ranks.get(fromNode)!;
      return { rank, port: this.#ports[rank]!.get(fromPort)! };
    });
  }

  /** Walks up from one port until all ways meet. */
  check(target: string): void {
    const wires = this.wiring.into.get(target)!;
    if (wires.length < 2) return;
    let waiting = 0;
    let rank = 0;
    const reach = (up: readonly Upward[], value: number): void => {
      if ((this.#work += up.length) > WORK_LIMIT) this.#tooMuch(target);
      for (const wire of up) {
        const { reached } = this.#places[wire.rank]!;
        if (reached.size === 0) waiting++;
        reached.set(wire.port, (reached.get(wire.port) ?? 0) + value);
        if (wire.rank > rank) rank = wire.rank;
      }
    };
    reach(this.#upwards(wires), 1);
    for (; ; rank--) {
      if (++this.#work > WORK_LIMIT) this.#tooMuch(target);
      const place = this.#places[rank]!;
      if (place.reached.size === 0) continue;
      waiting--;
      const value = this.#most(place);
      if (value > 1) this.#refuse(target, wires);
      if (waiting === 0) return;
      reach(place.up, value);
    }
  }

  /** The largest number of values from one run of the node; forgets the ports reached. */
  #most({ roles, reached }: Place): number {
    this.#roles.length = this.#sums.length = 0;
    for (const [port, sum] of reached) {
      this.#roles.push(roles[port]!);
      this.#sums.push(sum);
    }
    reached.clear();
    return most(this.#roles, this.#sums);
  }

  #refuse(target: string, wires: readonly Wire[]): never {
    const names = wires.slice(0, 4).map((wire) => wire.edge.from);
    if (wires.length > 4) names.push(`${wires.length - 4} more`);
    throw new GraphError(
      'NOT_EXCLUSIVE',
      'edges',
      `"${target}" may get more than one value in one run (from ${names.join(', ')}); edges into one port come from branches of one choice, or from out and error of one node`,
    );
  }

  #tooMuch(target: string): never {
    throw new GraphError(
      'TOO_LARGE',
      'edges',
      `too many ports with several edges lie far from where their branches part, "${target}" is one; let branches meet earlier`,
    );
  }
}

/** The output ports that these wires leave, numbered. */
function numbered(wires: readonly Wire[]): Map<string, number> {
  const ports = new Map<string, number>();
  for (const { fromPort } of wires) if (!ports.has(fromPort)) ports.set(fromPort, ports.size);
  return ports;
}
