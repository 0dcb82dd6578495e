import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Graph } from '@dataflower/composer/graph';
import { Command } from 'commander';
import { callApi, encodePath, refusal } from './api-client.js';
import { runComposer } from './composer-program.js';
import { CommandError, type Terminal } from './outcome.js';
import { type Connection, connectionOf, type ConnectionFlags } from './properties.js';
import { readWorkflow } from './workflow-file.js';

interface Options extends ConnectionFlags {
  readonly overwrite?: true;
  readonly json?: true;
}

/** What the action's code says where nothing runs its graph (DV-15). */
const GRAPH_CODE = `function main() {
  return { error: 'This action is a data-flow graph. It runs on a DataFlower server: deploy it there and invoke it.' }
}
`;

export function deployCommand(terminal: Terminal): Command {
  return new Command('deploy')
    .description('Put a workflow on the server as an action.')
    .argument('<name>', 'of the action')
    .argument('<file>', 'a composition (.js, .json) or a graph (.graph.json)')
    .option('-w, --overwrite', 'replace the action when it is there already')
    .option('--json', 'print JSON')
    .option('--apihost <url>', 'API host')
    .option('--auth <key>', 'authorization key')
    .action(async (name: string, file: string, options: Options) => {
      const workflow = await readWorkflow(file, terminal);
      const connection = connectionOf(options, terminal);
      if (workflow.type === 'graph') await deployGraph(name, workflow.graph, options, connection);
      else await deployComposition(name, workflow.composed, options, connection, terminal);
      const done = { action: name, workflow: workflow.type, digest: workflow.digest };
      terminal.out(
        options.json
          ? JSON.stringify(done)
          : `ok: deployed ${workflow.type} ${name}, graph ${workflow.digest.slice(0, 12)}`,
      );
    });
}

async function deployGraph(name: string, graph: Graph, options: Options, connection: Connection): Promise<void> {
  const answer = await callApi(
    connection,
    'PUT',
    `/actions/${encodePath(name)}?overwrite=${options.overwrite === true}`,
    {
      exec: { kind: 'nodejs:default', code: GRAPH_CODE },
      annotations: [{ key: 'dataflower', value: { version: 1, graph } }],
    },
  );
  if (answer.status === 409) throw new CommandError(`${refusal(answer)} (--overwrite replaces it)`);
  if (answer.status !== 200) throw new CommandError(refusal(answer));
}

/** CO-35: exactly what Composer's `deploy` does, by the program itself. */
async function deployComposition(
  name: string,
  composed: object,
  options: Options,
  { apihost, auth }: Connection,
  { environment }: Terminal,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'dataflower-'));
  try {
    const file = join(directory, 'composition.json');
    await writeFile(file, JSON.stringify(composed));
    const flags = ['--basic', '--apihost', apihost, '--auth', auth, ...(options.overwrite ? ['--overwrite'] : [])];
    await runComposer('deploy', [name, file, ...flags], environment);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
