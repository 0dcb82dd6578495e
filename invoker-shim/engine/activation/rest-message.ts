import type { Activation } from './activation.js';
import type { PlanNode } from '../plan/plan.js';

const AT_REST = 'The workflow came to rest without a result:';

/** Error of an activation that came to rest without a result: which node waits for which input. */
export function restMessage(activation: Activation): string {
  const { tables, plan } = activation;
  for (const [index, table] of tables.entries()) {
    for (const { tag, ports } of table?.missing() ?? []) {
      const instance = tag.length > 0 ? ` [${tag.join('.')}]` : '';
      return `${AT_REST} node "${plan.nodes[index]!.id}"${instance} waits for ${someOf(ports)}.`;
    }
  }
  return `${AT_REST} ${neverSent(activation) ?? 'no value reached its end.'}`;
}

/** Number of ports that a message names. */
const NAMED = 10;

function someOf(ports: readonly string[]): string {
  const names = ports.slice(0, NAMED).join(', ');
  return ports.length > NAMED ? `${names} and ${ports.length - NAMED} more` : names;
}

/** Number of edges that are followed back: the message must not cost more than the run. */
const FOLLOWED = 10_000;

/** Follows the edges back from the end to the first port by which a node that ran has sent nothing. */
function neverSent({ plan, parts }: Activation): string | undefined {
  const ran = parts.nodes();
  const seen = new Set<PlanNode>();
  const waiting = [plan.user];
  let followed = 0;
  for (let node; followed < FOLLOWED && (node = waiting.pop()) !== undefined;) {
    for (const { from, by, port } of plan.producers().get(node) ?? []) {
      followed++;
      if (ran.has(from.index)) {
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
