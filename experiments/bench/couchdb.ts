import { serviceAddress } from '@dataflower/services';
import { UsageError } from '../platform/usage-error.js';

/** The CouchDB that the bench writes to. */
export interface BenchCouch {
  readonly url: URL;
  /** Settings of a platform that uses it; `prefix` begins the names of the databases. */
  readonly settings: Readonly<Record<string, string>>;
  /** Resolves when the views of the activation records are built. */
  viewsBuilt(): Promise<void>;
  /** The ids of all activation records in it. */
  recordIds(): Promise<string[]>;
  /** Removes the databases. */
  remove(): Promise<void>;
}

/** Throws `UsageError` when no CouchDB is configured. */
export function benchCouch(prefix: string): BenchCouch {
  const address = serviceAddress('couchdb');
  if (address === undefined) {
    throw new UsageError('The bench needs CouchDB: run "npm run services -- up couchdb", or set COUCHDB_URL.');
  }
  const url = new URL(address);
  const { username, password } = url;
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const headers: Record<string, string> =
    username === '' ? {} : { Authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
  const ask = async (method: string, path: string): Promise<unknown> => {
    const reply = await fetch(new URL(path, url.origin), { method, headers });
    if (!reply.ok) throw new Error(`CouchDB answered ${reply.status} to ${method} ${path}.`);
    return reply.json();
  };
  return {
    url,
    settings: {
      DATAFLOWER_COUCHDB_URL: url.origin,
      DATAFLOWER_COUCHDB_PREFIX: prefix,
      ...(username === ''
        ? {}
        : {
            DATAFLOWER_COUCHDB_USERNAME: decodeURIComponent(username),
            DATAFLOWER_COUCHDB_PASSWORD: decodeURIComponent(password),
          }),
    },
    async viewsBuilt() {
      const path = `/${prefix}activations/_design/records.v1/_view/by-start`;
      await ask('GET', `${path}?reduce=false&limit=0`);
    },
    async recordIds() {
      const { rows } = (await ask('GET', `/${prefix}activations/_all_docs`)) as { rows: { id: string }[] };
      return rows.map(({ id }) => id).filter((id) => !id.startsWith('_'));
    },
    async remove() {
      const names = (await ask('GET', '/_all_dbs')) as string[];
      for (const name of names.filter((one) => one.startsWith(prefix))) await ask('DELETE', `/${name}`);
    },
  };
}
