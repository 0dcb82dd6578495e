import { Command } from 'commander';
import { VERSION } from '../version.js';
import type { Terminal } from './outcome.js';
import { portOf, stopped } from './running-process.js';

interface Options {
  readonly config: string;
  readonly port?: number;
  readonly host?: string;
  readonly data?: string;
}

export function pluginCommand(terminal: Terminal): Command {
  return new Command('plugin')
    .description('Run the gateway: it serves the API and starts activations on the hosts of its configuration.')
    .requiredOption('--config <file>', 'configuration in YAML, the same file as for the shims (docs/configuration.md)')
    .option('--port <number>', 'TCP port of the API (default 3233; 0 chooses a free one)', portOf)
    .option('--host <address>', 'address to listen on (default 127.0.0.1)')
    .option(
      '--data <directory>',
      'directory of the record files, and without CouchDB of the entities (default ~/.dataflower)',
    )
    .addHelpText(
      'after',
      `
The configuration lists the hosts with the addresses of their shims, and the file of a common secret:

  cluster: { secretFile: /etc/dataflower/secret }   # openssl rand -hex 32
  hosts: [{ id: host0, address: "127.0.0.1:3240" }]

Then: dataflower shim --config FILE, on each host.`,
    )
    .action(async (options: Options) => {
      const { loadConfig } = await import('../config/index.js');
      const config = loadConfig({
        file: options.config,
        environment: terminal.environment,
        overrides: { dataDir: options.data, server: { port: options.port, host: options.host } },
      });
      const { createPlugin } = await import('../assembly/plugin.js');
      const plugin = await createPlugin(config);
      const hosts = config.hosts.map(({ id, address }) => `${id} at ${address}`).join(', ');
      terminal.out(
        [
          `DataFlower ${VERSION} plugin at ${plugin.url}, data in ${config.dataDir}`,
          `Hosts: ${hosts}. Entities and users: ${config.couchdb.url === undefined ? 'in the data directory' : 'in CouchDB'}.`,
          '',
          `  wsk property set --apihost ${plugin.url} --auth ${plugin.authorization}`,
          '',
          'Ready. Stop with Ctrl-C.',
        ].join('\n'),
      );
      await stopped(plugin, terminal);
    });
}
