import { readFileSync } from 'node:fs';
import type { Client } from 'openwhisk';
import { actionFile, splitterArchive } from './archive.js';
import type { Book } from './books.js';

/** The workflow on ports. */
export const WORKFLOW = 'wordcount';

/** The answer of the workflow's own code where nothing reads the annotation. */
const NO_DATA_FLOW =
  "function main() { return { error: 'This workflow runs by data flow: deploy it on a DataFlower platform.' } }";

/** How long one of these functions may take; a container's first start on a busy machine included. */
const limits = { timeout: 60_000, memory: 256 };

/** Creates the actions, or brings them up to date, and deploys the workflow on ports. */
export async function deployOnPorts(client: Client, books: readonly Book[]): Promise<void> {
  const kind = 'nodejs:20';
  const graph: unknown = JSON.parse(
    readFileSync(new URL('../../../workloads/wordcount/workflows/wordcount.graph.json', import.meta.url), 'utf8'),
  );
  await Promise.all([
    client.actions.update({ name: 'wordcount-split', kind, limits, action: await splitterArchive('split.js', books) }),
    client.actions.update({ name: 'wordcount-count', kind, limits, action: actionFile('count.js').toString() }),
    client.actions.update({ name: 'wordcount-merge', kind, limits, action: actionFile('merge.js').toString() }),
  ]);
  await client.actions.update({
    name: WORKFLOW,
    kind,
    action: NO_DATA_FLOW,
    annotations: { dataflower: { version: 1, graph } },
  });
}
