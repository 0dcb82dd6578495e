import { Command, InvalidArgumentError } from 'commander';
import type { Standalone } from '../assembly/standalone.js';
import { VERSION } from '../version.js';
import type { Terminal } from './outcome.js';

interface Options {
  readonly port?: number;
  readonly host?: string;
  readonly data?: string;
  readonly config?: string;
  readonly wellKnownKey?: true;
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
const SIGNAL_EXIT = 128;
const SIGNAL_NUMBER = { SIGINT: 2, SIGTERM: 15 } as const;

export function standaloneCommand(terminal: Terminal): Command {
  return new Command('standalone')
    .description('Run the whole platform in one process, on this machine.')
    .option('--port <number>', 'TCP port (default 3233; 0 takes a free one)', port)
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

function port(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 65535) throw new InvalidArgumentError('A port is a number from 0 to 65535.');
  return value;
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

/** Resolves when a signal has stopped the server; a second signal ends the process at once. */
async function stopped(server: Standalone, terminal: Terminal): Promise<void> {
  await new Promise<void>((resolve) => {
    for (const signal of SIGNALS) process.once(signal, () => resolve());
  });
  for (const signal of SIGNALS) process.once(signal, () => process.exit(SIGNAL_EXIT + SIGNAL_NUMBER[signal]));
  terminal.err('Stopping: running activations may end. A second signal stops at once.');
  await server.close();
  for (const signal of SIGNALS) process.removeAllListeners(signal);
}
