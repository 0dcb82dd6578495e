import {
  checkComposed,
  type Composed,
  deployComposition as putComposition,
  isDataFlower,
  otherServerWarning,
  type OpenWhisk,
} from '@dataflower/composer/client';
import type { Graph } from '@dataflower/composer/graph';
import { Command } from 'commander';
import { actionPath, callApi, qualified, refusal } from './api-client.js';
import { CommandError, messageOf, type Terminal } from './outcome.js';
import { type Connection, connectionOf, type ConnectionFlags } from './properties.js';
import { readWorkflow } from './workflow-file.js';

interface Options extends ConnectionFlags {
  readonly overwrite?: true;
  readonly json?: true;
}

/** The action's code, for servers that do not run its graph (DV-15). */
const GRAPH_CODE = `function main() {
  return { error: 'This action is a data-flow graph. It runs on a DataFlower server: deploy it there and invoke it.' }
}
`;

export function deployCommand(terminal: Terminal): Command {
  return new Command('deploy')
    .description('Deploy a workflow as an action.')
    .argument('<name>', 'name of the action')
    .argument('<file>', 'a composition (.js, .json) or a graph (.graph.json)')
    .option('-w, --overwrite', 'replace an existing action')
    .option('--json', 'print JSON')
    .option('--apihost <url>', 'API host')
    .option('--auth <key>', 'authorization key')
    .action(async (name: string, file: string, options: Options) => {
      const workflow = await readWorkflow(file, terminal);
      const connection = connectionOf(options, terminal);
      const server = await callApi(connection, 'GET', '');
      if (server.status < 500 && !isDataFlower(server.body)) terminal.err(otherServerWarning(workflow.type, name));
      if (workflow.type === 'graph') await deployGraph(name, workflow.graph, options, connection);
      else await deployComposition(name, workflow.composed, options, connection);
      const done = { action: name, workflow: workflow.type, digest: workflow.digest };
      terminal.out(
        options.json
          ? JSON.stringify(done)
          : `ok: deployed ${workflow.type} ${name}, graph ${workflow.digest.slice(0, 12)}`,
      );
    });
}

async function deployGraph(name: string, graph: Graph, options: Options, connection: Connection): Promise<void> {
  const exec = { kind: 'nodejs:default', code: GRAPH_CODE };
  const annotations = [{ key: 'dataflower', value: { version: 1, graph } }];
  await putAction(connection, name, options.overwrite === true, { exec, annotations });
}

/** CO-35: Composer's `deploy` over this command line's connection. */
async function deployComposition(
  name: string,
  composed: object,
  options: Options,
  connection: Connection,
): Promise<void> {
  const actions: OpenWhisk['actions'] = {
    create: ({ name, action }) => putAction(connection, name, false, action as object),
    delete: ({ name }) => callApi(connection, 'DELETE', actionPath(name)),
  };
  const deployment = { ...checked(composed), name: qualified(name) };
  await putComposition({ actions }, deployment, options.overwrite === true, {});
}

function checked(composed: object): Composed {
  try {
    return checkComposed(composed);
  } catch (error) {
    throw new CommandError(messageOf(error), 'COMMAND_FAILED', { cause: error });
  }
}

async function putAction(connection: Connection, name: string, overwrite: boolean, action: object): Promise<void> {
  const path = `${actionPath(name)}?overwrite=${overwrite}`;
  const answer = await callApi(connection, 'PUT', path, JSON.stringify(action));
  // The message names the action: a composition may deploy further ones.
  if (answer.status === 409) throw new CommandError(`${name}: ${refusal(answer)} (--overwrite replaces it)`);
  if (answer.status !== 200) throw new CommandError(`${name}: ${refusal(answer)}`);
}
