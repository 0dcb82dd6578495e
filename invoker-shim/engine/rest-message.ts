import type { Activation } from './activation.js';

/** What an activation says that came to rest without a result: which node waits for what. */
export function restMessage({ tables, plan }: Activation): string {
  for (const [index, table] of tables.entries()) {
    for (const { tag, ports } of table?.missing() ?? []) {
      const instance = tag.length > 0 ? ` [${tag.join('.')}]` : '';
      return `The workflow came to rest without a result: node "${plan.nodes[index]!.id}"${instance} waits for ${ports.join(', ')}.`;
    }
  }
  return 'The workflow came to rest without a result: no value reached its end.';
}
