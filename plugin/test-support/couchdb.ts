import { randomUUID } from 'node:crypto';
import { CouchClient, type CouchSettings } from '@dataflower/invoker-shim/couchdb';

/** An address as services have it, with credentials in it, as settings of a client. */
export function settingsOf(address: string, more: Partial<CouchSettings> = {}): CouchSettings {
  const url = new URL(address);
  const { username, password } = url;
  url.username = '';
  url.password = '';
  const credentials =
    username === '' ? {} : { username: decodeURIComponent(username), password: decodeURIComponent(password) };
  return { url: url.href, ...credentials, ...more };
}

/** The same as a section of the configuration, and a prefix that no other test has. */
export function couchSection(address: string, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return { ...settingsOf(address), prefix: newPrefix(), ...more };
}

export function newPrefix(): string {
  return `t${randomUUID().slice(0, 13)}_`;
}

/** Removes every database whose name begins so. */
export async function dropDatabases(address: string, prefix: string): Promise<void> {
  const client = new CouchClient(settingsOf(address));
  try {
    const names = await client.request<string[]>({ method: 'GET', path: ['_all_dbs'] });
    for (const name of names.filter((found) => found.startsWith(prefix)))
      await client.request({ method: 'DELETE', path: [name] });
  } finally {
    await client.close();
  }
}
