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
    .description('Run the process of one host: it runs the functions that plugins give it.')
    .requiredOption('--config <file>', 'configuration in YAML, the same as the plugin has (docs/configuration.md)')
    .option('--host <id>', 'which entry of hosts this is (default: the only one)')
    .option('--data <directory>', 'its files are kept in hosts/<id> below (default ~/.dataflower)')
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
