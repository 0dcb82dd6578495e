import type { SwitchNode } from '@dataflower/composer/graph';

type Literal = SwitchNode['cases'][number]['equals'];

const tables = new WeakMap<SwitchNode, ReadonlyMap<unknown, string>>();

/** The port of each literal of a switch, the first case of equal ones: a choice costs the same whatever their number. */
export function branchesOf(node: SwitchNode): ReadonlyMap<unknown, string> {
  let table = tables.get(node);
  if (table === undefined) {
    const made = new Map<Literal, string>();
    for (const { equals, port } of node.cases) if (!made.has(equals)) made.set(equals, port);
    tables.set(node, (table = made));
  }
  return table;
}
