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
    .description('Run the whole platform in one process, on this machine.')
    .option('--port <number>', 'TCP port (default 3233; 0 takes a free one)', portOf)
    .option('--host <address>', 'address to listen on (default 127.0.0.1)')
    .option('--data <directory>', 'where entities, records and keys are kept (default ~/.dataflower)')
    .option('--config <file>', 'configuration in YAML (docs/configuration.md)')
    .option('--well-known-key', "take OpenWhisk's well-known development key for the namespace guest")
    .action(async (options: Options) => {
      // Only here, and only when it may start: without the server this program is there several times as fast.
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
