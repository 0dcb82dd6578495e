import { GraphError } from './error.js';
import { topologicalOrder } from './order.js';
import { USER } from './ports.js';
import type { Graph } from './types.js';
import { wire, type Wire, type Wiring } from './wiring.js';

/** FOREACH outputs that may lie inside each other; a token's tag has an index for each. */
const MAX_DEPTH = 100;

/** For each node the FOREACH outputs (`node.port`, outermost first) whose values it runs once for each of. */
export type Scopes = ReadonlyMap<string, readonly string[]>;

function isPrefix(short: readonly string[], long: readonly string[]): boolean {
  return short === long || short.every((port, i) => port === long[i]);
}

const show = (scope: readonly string[]): string =>
  scope.length === 0 ? 'outside every FOREACH' : `inside ${scope.join(', ')}`;

/** Scopes by node, and those that FOREACH outputs open: one array for each, however many edges leave it. */
class Delivered {
  readonly #opened = new Map<string, readonly string[]>();

  readonly #scopes: Scopes;

  constructor(scopes: Scopes) {
    this.#scopes = scopes;
  }

  of({ fromNode, type, edge: { from } }: Wire): readonly string[] {
    const scope = this.#scopes.get(fromNode) ?? [];
    if (type !== 'FOREACH') return scope;
    let opened = this.#opened.get(from);
    if (opened === undefined) {
      if (scope.length === MAX_DEPTH) {
        throw new GraphError('TOO_LARGE', 'edges', `"${from}" is inside ${MAX_DEPTH} FOREACH outputs, the limit`);
      }
      this.#opened.set(from, (opened = [...scope, from]));
    }
    return opened;
  }
}

function portScope(endpoint: string, wires: readonly Wire[], delivered: Delivered): readonly string[] {
  const [first, ...rest] = wires.map((wire) => delivered.of(wire));
  for (const [i, scope] of rest.entries()) {
    if (scope.length === first!.length && isPrefix(scope, first!)) continue;
    throw new GraphError(
      'SCOPE',
      'edges',
      `${wires[0]!.edge.from} (${show(first!)}) and ${wires[i + 1]!.edge.from} (${show(scope)}) both feed "${endpoint}"; edges into one port come from inside the same FOREACH`,
    );
  }
  return first!;
}

/** `scopes` over an index that is there already; `order` has producers before consumers. */
export function scopesOf(wiring: Wiring, order: readonly string[]): Scopes {
  const scopes = new Map<string, readonly string[]>();
  const delivered = new Delivered(scopes);
  for (const id of order) {
    const ports = Object.entries(wiring.inputs.get(id)!).map(([port, { type }]) => {
      const endpoint = `${id}.${port}`;
      const scope = portScope(endpoint, wiring.into.get(endpoint)!, delivered);
      if (type === 'NORMAL') return { endpoint, scope };
      if (scope.length > 0) return { endpoint, scope: scope.slice(0, -1) };
      throw new GraphError(
        'SCOPE',
        'edges',
        `"${endpoint}" is a LIST, but nothing that feeds it is inside a FOREACH; make the input NORMAL or an output before it FOREACH`,
      );
    });
    const longest = ports.reduce((a, b) => (b.scope.length > a.scope.length ? b : a));
    for (const { endpoint, scope } of ports) {
      if (isPrefix(scope, longest.scope)) continue;
      throw new GraphError(
        'SCOPE',
        'edges',
        `"${endpoint}" is ${show(scope)}, but "${longest.endpoint}" is ${show(longest.scope)}; collect one of them with a LIST input first`,
      );
    }
    scopes.set(id, longest.scope);
  }
  for (const [endpoint, wires] of wiring.into) {
    if (!endpoint.startsWith(`${USER}.`)) continue;
    const scope = portScope(endpoint, wires, delivered);
    if (scope.length === 0) continue;
    throw new GraphError(
      'SCOPE',
      'edges',
      `${wires[0]!.edge.from} is ${show(scope)} and would give "${endpoint}" many values; collect them with a LIST input first`,
    );
  }
  return scopes;
}

/**
 * Where each node lies. A FOREACH output opens a scope, a LIST input closes the innermost one; a node is in the deepest
 * scope among its inputs, and the others come from around it. Throws `GraphError` SCOPE when inputs do not fit so.
 */
export function scopes(graph: Graph): Scopes {
  const wiring = wire(graph);
  return scopesOf(wiring, topologicalOrder(wiring));
}
