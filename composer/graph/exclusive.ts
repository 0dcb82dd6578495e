import { GraphError } from './error.js';
import { most, roleOf, type Role } from './outcomes.js';
import { USER } from './ports.js';
import type { Wire, Wiring } from './wiring.js';

/** Nodes looked at in all; a composition of the largest size needs a fraction of it. */
const WORK_LIMIT = 8_000_000;

/** A node by its place in the order (`$USER` is first), with what is needed on the way up. */
interface Place {
  readonly id: string;
  readonly rank: number;
  readonly kind: string | undefined;
  /** The edges that leave it, by number, and the role of the port that each leaves. */
  readonly leaving: readonly { readonly edge: number; readonly port: number }[];
  readonly roles: readonly Role[];
  /** The edges into the input through which it is counted: number, and rank of where they come from. */
  up: readonly { readonly edge: number; readonly rank: number }[];
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
  readonly #numbers: Map<Wire, number>;
  /** What each edge brings the port at hand, and for which check that was written. */
  readonly #load: Float64Array;
  readonly #written: Uint32Array;
  readonly #pending: Uint8Array;
  readonly #sums: number[] = [];
  #check = 0;
  #work = 0;

  constructor(
    readonly wiring: Wiring,
    order: readonly string[],
  ) {
    const ids = [USER, ...order];
    this.#ranks = new Map(ids.map((id, i) => [id, i]));
    this.#numbers = new Map([...wiring.outOf.values()].flat().map((wire, i) => [wire, i]));
    this.#load = new Float64Array(this.#numbers.size);
    this.#written = new Uint32Array(this.#numbers.size);
    this.#pending = new Uint8Array(ids.length);
    const depth = new Map<string, number>([[USER, 0]]);
    this.#places = ids.map((id, rank) => this.#place(id, rank, depth));
  }

  #place(id: string, rank: number, depth: Map<string, number>): Place {
    const node = this.wiring.nodes.get(id);
    const wires = this.wiring.outOf.get(id) ?? [];
    const ports = [...new Set(wires.map((wire) => wire.fromPort))];
    const leaving = wires.map((wire) => ({ edge: this.#numbers.get(wire)!, port: ports.indexOf(wire.fromPort) }));
    const roles = ports.map((port) => roleOf(node, port));
    let up: readonly Wire[] = [];
    let best = -1;
    for (const port of Object.keys(this.wiring.inputs.get(id) ?? {})) {
      const into = this.wiring.into.get(`${id}.${port}`)!;
      const level = into.reduce((max, wire) => Math.max(max, depth.get(wire.fromNode)!), 0);
      if (level > best) [best, up] = [level, into];
    }
    depth.set(id, best + 1);
    return { id, rank, kind: node?.kind, leaving, roles, up: this.#upwards(up) };
  }

  #upwards(wires: readonly Wire[]): Place['up'] {
    return wires.map((wire) => ({ edge: this.#numbers.get(wire)!, rank: this.#ranks.get(wire.fromNode)! }));
  }

  /** Walks up from one port until all ways meet. */
  check(target: string): void {
    const wires = this.wiring.into.get(target)!;
    if (wires.length < 2) return;
    this.#check++;
    let waiting = 0;
    let rank = 0;
    const reach = (up: Place['up'], value: number): void => {
      for (const wire of up) {
        this.#load[wire.edge] = value;
        this.#written[wire.edge] = this.#check;
        if (this.#pending[wire.rank] === 1) continue;
        this.#pending[wire.rank] = 1;
        waiting++;
        if (wire.rank > rank) rank = wire.rank;
      }
    };
    reach(this.#upwards(wires), 1);
    for (; ; rank--) {
      if (++this.#work > WORK_LIMIT) this.#tooMuch(target);
      if (this.#pending[rank] === 0) continue;
      this.#pending[rank] = 0;
      waiting--;
      const place = this.#places[rank]!;
      const value = this.#most(place);
      if (value > 1) this.#refuse(target, wires);
      if (waiting === 0) return;
      reach(place.up, value);
    }
  }

  #most(place: Place): number {
    const { roles, leaving } = place;
    const sums = this.#sums;
    for (let port = 0; port < roles.length; port++) sums[port] = 0;
    for (const { edge, port } of leaving) {
      if (this.#written[edge] === this.#check) sums[port] = sums[port]! + this.#load[edge]!;
    }
    return most(roles, sums);
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
