import path from 'node:path';
import type { Service } from '../service.js';
import { askCouchDb, startCouchDbStandIn } from './stand-in.js';

/** A stand-in for CouchDB, since Debian and npm have none. README.md beside this file lists its limits. */
export const couchDb: Service = {
  name: 'couchdb',
  what: "a stand-in for CouchDB's API, from npm",
  keepsData: true,
  // A CouchDB that already runs here needs credentials, so it has to be named by its variable.
  find: () => Promise.resolve(undefined),
  async start({ directory, log, keep, progress, before }) {
    progress('its packages, at the first time');
    const { url, process } = await startCouchDbStandIn({
      directory: path.join(directory, 'data'),
      log,
      ...(before === undefined ? {} : placeOf(before.address)),
      onStarted: (started) => {
        keep({ address: started.url, log, process: started.process });
        progress('waiting until it answers');
      },
    });
    return { address: url, log, process };
  },
  ask: askCouchDb,
  clear: () => Promise.resolve(),
};

/** Where it was, for whoever has its address in a configuration. */
function placeOf(address: string): { port: number; password: string } {
  const { port, password } = new URL(address);
  return { port: Number(port), password };
}
