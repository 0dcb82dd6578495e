import { Command } from 'commander';
import { VERSION } from '../version.js';
import type { Terminal } from './outcome.js';
import { stopped } from './running-process.js';

interface Options {
  readonly config: string;
  readonly host?: string;
  readonly data?: string;
}

export function shimCommand(terminal: Terminal): Command {
  return new Command('shim')
    .description('Run the agent of one host, which runs functions for the gateways.')
    .requiredOption(
      '--config <file>',
      'configuration in YAML, the same file as for the gateway (docs/configuration.md)',
    )
    .option('--host <id>', 'entry of hosts in the configuration (default: the only one)')
    .option('--data <directory>', 'its files are in hosts/<id> of this directory (default ~/.dataflower)')
    .action(async (options: Options) => {
      const { loadConfig } = await import('../config/index.js');
      const config = loadConfig({
        file: options.config,
        environment: terminal.environment,
        overrides: { dataDir: options.data },
      });
      const { createShim } = await import('../assembly/shim.js');
      const shim = await createShim(config, options.host);
      terminal.out(
        [
          `DataFlower ${VERSION} shim ${shim.id} at ${shim.address}, data in ${shim.dataDir}`,
          shim.notice,
          `Health and metrics at ${shim.operationsUrl}.`,
          '',
          'Ready. Stop with Ctrl-C.',
        ].join('\n'),
      );
      await stopped(shim, terminal);
    });
}
