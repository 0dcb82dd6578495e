import { Command } from 'commander';
import { activationPath, callApi, refusal } from './api-client.js';
import { CommandError, type Terminal } from './outcome.js';
import { connectionOf, type ConnectionFlags } from './properties.js';

interface Options extends ConnectionFlags {
  readonly reason?: string;
  readonly json?: true;
}

const ACCEPTED = 202;

export function cancelCommand(terminal: Terminal): Command {
  return new Command('cancel')
    .description('Cancel a running activation: its containers are stopped and its caller gets an error.')
    .argument('<id>', 'id of the activation, as printed by the invocation')
    .option('--reason <text>', 'reason shown in the error and the record')
    .option('--json', 'print JSON')
    .option('--apihost <url>', 'API host')
    .option('--auth <key>', 'authorization key')
    .action(async (id: string, options: Options) => {
      const query =
        options.reason === undefined ? '' : `?${new URLSearchParams({ reason: options.reason }).toString()}`;
      const path = activationPath(id) + query;
      const answer = await callApi(connectionOf(options, terminal), 'DELETE', path);
      if (answer.status !== ACCEPTED) throw new CommandError(`${id}: ${refusal(answer)}`);
      terminal.out(options.json ? JSON.stringify(answer.body) : `ok: cancelled ${id}`);
    });
}
