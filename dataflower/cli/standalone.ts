import { Command } from 'commander';
import type { Standalone } from '../assembly/standalone.js';
import { VERSION } from '../version.js';
import type { Terminal } from './outcome.js';
import { portOf, stopped } from './running-process.js';

interface Options {
  readonly port?: number;
  readonly host?: string;
  readonly data?: string;
  readonly config?: string;
  readonly wellKnownKey?: true;
}

export function standaloneCommand(terminal: Terminal): Command {
  return new Command('standalone')
    .description('Run the whole platform in one process on this machine.')
    .option('--port <number>', 'TCP port (default 3233; 0 chooses a free one)', portOf)
    .option('--host <address>', 'address to listen on (default 127.0.0.1)')
    .option('--data <directory>', 'directory of entities, records and keys (default ~/.dataflower)')
    .option('--config <file>', 'configuration in YAML (docs/configuration.md)')
    .option('--well-known-key', "use OpenWhisk's well-known development key for the namespace guest")
    .action(async (options: Options) => {
      // Imported only when the server starts: other commands start several times as fast without it.
      const { loadConfig } = await import('../config/index.js');
      const config = loadConfig({
        file: options.config,
        environment: terminal.environment,
        overrides: {
          dataDir: options.data,
          wellKnownKey: options.wellKnownKey,
          server: { port: options.port, host: options.host },
        },
      });
      const { createStandalone } = await import('../assembly/standalone.js');
      const server = await createStandalone(config);
      terminal.out(welcome(server, config.dataDir));
      await stopped(server, terminal);
    });
}

function welcome(server: Standalone, dataDir: string): string {
  return [
    `DataFlower ${VERSION} at ${server.url}, data in ${dataDir}`,
    ...(server.notice === undefined ? [] : [server.notice]),
    '',
    `  wsk property set --apihost ${server.url} --auth ${server.authorization}`,
    '',
    'Ready. Stop with Ctrl-C.',
  ].join('\n');
}
