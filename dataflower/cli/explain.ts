import { Command } from 'commander';
import type { RunRecord } from '../explain/index.js';
import { activationPath, callApi, refusal } from './api-client.js';
import { CommandError, type Terminal } from './outcome.js';
import { connectionOf, type ConnectionFlags } from './properties.js';

interface Options extends ConnectionFlags {
  readonly json?: true;
}

const DEFAULT_COLUMNS = 100;
const PROGRESS_EVERY = 500;

export function explainCommand(terminal: Terminal): Command {
  return new Command('explain')
    .description('Show where an activation spent its time: a time line of its functions and the critical path.')
    .argument('<id>', 'id of the activation')
    .option('--json', 'print JSON')
    .option('--apihost <url>', 'API host')
    .option('--auth <key>', 'authorization key')
    .action(async (id: string, options: Options) => {
      const { explain, readRun, reportOf } = await import('../explain/index.js');
      const connection = connectionOf(options, terminal);
      const get = async (activationId: string): Promise<RunRecord | undefined> => {
        const answer = await callApi(connection, 'GET', activationPath(activationId));
        if (answer.status === 404) return undefined;
        if (answer.status !== 200) throw new CommandError(`${activationId}: ${refusal(answer)}`);
        return answer.body as RunRecord;
      };
      const read = await readRun(id, get, {
        onProgress: (parts) => {
          if (parts % PROGRESS_EVERY === 0 && terminal.columns !== undefined) terminal.err(`${parts} parts read`);
        },
      });
      if (read === undefined) {
        throw new CommandError(
          `There is no record of ${id}: it is still running, retention has removed it, or it belongs to another namespace.`,
        );
      }
      const explanation = explain(read);
      terminal.out(
        options.json ? JSON.stringify(explanation) : reportOf(explanation, terminal.columns ?? DEFAULT_COLUMNS),
      );
    });
}
