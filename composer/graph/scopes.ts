import { GraphError } from './error.js';
import { topologicalOrder } from './order.js';
import { USER } from './ports.js';
import type { Graph } from './types.js';
import { wire, type Wire, type Wiring } from './wiring.js';

/** For each node the FOREACH outputs (`node.port`, outermost first) whose values it runs once for each of. */
export type Scopes = ReadonlyMap<string, readonly string[]>;

function isPrefix(short: readonly string[], long: readonly string[]): boolean {
  return short.every((port, i) => port === long[i]);
}

const show = (scope: readonly string[]): string =>
  scope.length === 0 ? 'outside every FOREACH' : `inside ${scope.join(', ')}`;

function delivered(wire: Wire, scopes: Scopes): readonly string[] {
  const scope = scopes.get(wire.fromNode) ?? [];
  return wire.type === 'FOREACH' ? [...scope, wire.edge.from] : scope;
}

function portScope(endpoint: string, wires: readonly Wire[], scopes: Scopes): readonly string[] {
  const [first, ...rest] = wires.map((wire) => delivered(wire, scopes));
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
  for (const id of order) {
    const ports = Object.entries(wiring.inputs.get(id)!).map(([port, { type }]) => {
      const endpoint = `${id}.${port}`;
      const scope = portScope(endpoint, wiring.into.get(endpoint)!, scopes);
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
    const scope = portScope(endpoint, wires, scopes);
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
