import type { Activation } from './activation.js';
import type { PlanNode } from './plan.js';

const AT_REST = 'The workflow came to rest without a result:';

/** What an activation says that came to rest without a result: which node waits for what. */
export function restMessage(activation: Activation): string {
  const { tables, plan } = activation;
  for (const [index, table] of tables.entries()) {
    for (const { tag, ports } of table?.missing() ?? []) {
      const instance = tag.length > 0 ? ` [${tag.join('.')}]` : '';
      return `${AT_REST} node "${plan.nodes[index]!.id}"${instance} waits for ${ports.join(', ')}.`;
    }
  }
  return `${AT_REST} ${neverSent(activation) ?? 'no value reached its end.'}`;
}

/** Nothing waits half complete: back from the end, the first port that a function which ran has never sent anything by. */
function neverSent({ plan, parts }: Activation): string | undefined {
  const seen = new Set<PlanNode>();
  const waiting = [plan.user];
  for (let node; (node = waiting.pop()) !== undefined;) {
    for (const { from, by, port } of producersOf(plan.nodes, node)) {
      if (parts.includes(from.index)) {
        const who = node === plan.user ? 'the end' : `node "${node.id}"`;
        return `${who} waits for ${port}, and node "${from.id}" has sent nothing by its port "${by}".`;
      }
      if (seen.has(from)) continue;
      seen.add(from);
      waiting.push(from);
    }
  }
  return undefined;
}

function* producersOf(
  nodes: readonly PlanNode[],
  node: PlanNode,
): Generator<{ readonly from: PlanNode; readonly by: string; readonly port: string }> {
  for (const from of nodes)
    for (const { name, edges } of from.outputs.values())
      for (const edge of edges) if (edge.node === node) yield { from, by: name, port: edge.name };
}
