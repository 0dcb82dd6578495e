import { type Graph, USER, splitEndpoint } from '@dataflower/composer/graph';

/** The FOREACH outputs around a node, as a list from the innermost out. */
export interface Scope {
  /** `node.port` of the innermost. */
  readonly endpoint: string;
  readonly outer: Scope | undefined;
  readonly depth: number;
}

/** Facts about a node that determine scopes. */
export interface ScopedNode {
  readonly id: string;
  scope: Scope | undefined;
  isForeach(port: string): boolean;
  isList(port: string): boolean;
}

export function depthOf(scope: Scope | undefined): number {
  return scope?.depth ?? 0;
}

/**
 * Determines the scope of each node, in steps, for a graph that `validateGraph` has checked: a FOREACH output opens a scope,
 * a LIST input closes the innermost one, a node is in the deepest scope among its inputs. Throws for a graph with a cycle.
 */
export function* findScopes(graph: Graph, nodes: ReadonlyMap<string, ScopedNode>): Generator<number, void> {
  const outOf = new Map<string, { readonly port: string; readonly to: ScopedNode; readonly list: boolean }[]>();
  const left = new Map<ScopedNode, number>();
  for (const { from, to } of graph.edges) {
    const source = splitEndpoint(from)!;
    const target = splitEndpoint(to)!;
    yield 1;
    if (source.node === USER || target.node === USER) continue;
    const consumer = nodes.get(target.node);
    if (consumer === undefined || !nodes.has(source.node))
      throw new Error(`the edge ${from} → ${to} has an end without a node`);
    const edge = { port: source.port, to: consumer, list: consumer.isList(target.port) };
    const edges = outOf.get(source.node);
    if (edges === undefined) outOf.set(source.node, [edge]);
    else edges.push(edge);
    left.set(consumer, (left.get(consumer) ?? 0) + 1);
  }
  const ready = [...nodes.values()].filter((node) => !left.has(node));
  let seen = 0;
  for (let node = ready.pop(); node !== undefined; node = ready.pop()) {
    seen++;
    const opened = new Map<string, Scope>();
    for (const { port, to, list } of outOf.get(node.id) ?? []) {
      yield 1;
      let scope = node.scope;
      if (node.isForeach(port)) {
        scope = opened.get(port) ?? {
          endpoint: `${node.id}.${port}`,
          outer: node.scope,
          depth: depthOf(node.scope) + 1,
        };
        opened.set(port, scope);
      }
      if (list) scope = scope?.outer;
      if (depthOf(scope) > depthOf(to.scope)) to.scope = scope;
      const others = left.get(to)! - 1;
      left.set(to, others);
      if (others === 0) ready.push(to);
    }
  }
  if (seen < nodes.size) throw new Error('its edges make a cycle');
}
