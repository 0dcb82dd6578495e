import { Command } from 'commander';
import { CommandError, type Terminal } from './outcome.js';

interface Options {
  readonly data?: string;
  readonly config?: string;
  readonly json?: true;
}

/** `dataflower store copy`. */
export function storeCommand(terminal: Terminal): Command {
  const copy = new Command('copy')
    .description('Copy users and actions from the data directory to the CouchDB of the configuration.')
    .option('--data <directory>', 'data directory, which no server may use during the copy (default ~/.dataflower)')
    .option('--config <file>', 'configuration that names CouchDB (couchdb.url)')
    .option('--json', 'print JSON')
    .action(async ({ data, config, json }: Options) => {
      const [{ loadConfig }, { copyIntoCouch }] = await Promise.all([
        import('../config/index.js'),
        import('../assembly/gateway/copy-into-couch.js'),
      ]);
      const loaded = loadConfig({ file: config, environment: terminal.environment, overrides: { dataDir: data } });
      if (loaded.couchdb.url === undefined) {
        throw new CommandError(
          'No CouchDB is configured: set couchdb.url, by --config or DATAFLOWER_COUCHDB_URL.',
          'COMMAND_USAGE',
        );
      }
      const counts = await copyIntoCouch(loaded);
      if (json) terminal.out(JSON.stringify(counts));
      for (const [what, { copied, kept }] of json ? [] : Object.entries(counts)) {
        terminal.out(`${what}: ${copied} copied, ${kept} were there already`);
      }
    });
  return new Command('store').description('Manage the store of the entities.').addCommand(copy);
}
