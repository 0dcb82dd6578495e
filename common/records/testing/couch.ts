import { randomBytes } from 'node:crypto';
import { CouchClient, type CouchSettings } from '../../couchdb/index.js';

/** Settings for an address with credentials. */
export function settingsOf(address: string): CouchSettings {
  const url = new URL(address);
  const { username, password } = url;
  url.username = '';
  url.password = '';
  const credentials = { username: decodeURIComponent(username), password: decodeURIComponent(password) };
  return { url: url.href, ...(username === '' ? {} : credentials) };
}

/** Database names of one test, and how to remove what was made under them. */
export function temporaryPrefix(settings: CouchSettings): { readonly prefix: string; remove(): Promise<void> } {
  const prefix = `test_${randomBytes(6).toString('hex')}_`;
  return {
    prefix,
    remove: async () => {
      const client = new CouchClient(settings);
      try {
        const names = await client.request<string[]>({ method: 'GET', path: ['_all_dbs'] });
        for (const name of names.filter((other) => other.startsWith(prefix))) {
          await client.request({ method: 'DELETE', path: [name] });
        }
      } finally {
        await client.close();
      }
    },
  };
}
