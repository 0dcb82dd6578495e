import { setTimeout as pause } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import type { StatusReport } from '@dataflower/plugin/server';
import type { Terminal } from './outcome.js';

interface Options {
  readonly data?: string;
  readonly config?: string;
  readonly json?: true;
  readonly watch?: number | true;
}

const WATCH_SECONDS = 2;
const CLEAR = '\u001b[2J\u001b[H';

export function statusCommand(terminal: Terminal): Command {
  return new Command('status')
    .description('Show the state of the server on this machine: hosts, containers, queues, stores and problems.')
    .option('--data <directory>', 'data directory of the server (default ~/.dataflower)')
    .option('--config <file>', 'configuration of the server')
    .option('--json', 'print JSON')
    .option('--watch [seconds]', `repeat (default every ${WATCH_SECONDS} s) until Ctrl-C`, interval)
    .action(async (options: Options) => {
      const { loadConfig } = await import('../config/index.js');
      const { askOperator, runningServer } = await import('./operator.js');
      const { statusText } = await import('./status-text.js');
      const { STATUS_PATH } = await import('@dataflower/plugin/server');
      const { dataDir } = loadConfig({
        file: options.config,
        environment: terminal.environment,
        overrides: { dataDir: options.data },
      });
      const show = async (): Promise<void> => {
        const report = (await askOperator(await runningServer(dataDir), STATUS_PATH)) as StatusReport;
        if (options.json) terminal.out(JSON.stringify(report));
        else
          terminal.out(
            `${options.watch !== undefined && terminal.columns !== undefined ? CLEAR : ''}${statusText(report)}`,
          );
      };
      await show();
      if (options.watch === undefined) return;
      const everyMs = (options.watch === true ? WATCH_SECONDS : options.watch) * 1000;
      for (;;) {
        await pause(everyMs);
        await show();
      }
    });
}

function interval(text: string): number {
  const value = Number(text);
  if (!(value >= 0.1 && value <= 3600))
    throw new InvalidArgumentError('An interval is a number of seconds from 0.1 to 3600.');
  return value;
}
