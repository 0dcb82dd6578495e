import { randomUUID } from 'node:crypto';

/** An address with credentials in it, taken apart as clients want it. */
export interface CouchAddress {
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
}

export function couchAddress(address: string): CouchAddress {
  const url = new URL(address);
  const { username, password } = url;
  url.username = '';
  url.password = '';
  if (username === '') return { url: url.href };
  return { url: url.href, username: decodeURIComponent(username), password: decodeURIComponent(password) };
}

/** Prefix of the names of one test's databases. */
export function newPrefix(): string {
  return `t${randomUUID().slice(0, 13)}_`;
}

/** Removes every database whose name begins so. */
export async function dropDatabases(address: string, prefix: string): Promise<void> {
  const { url, username, password } = couchAddress(address);
  const credentials = Buffer.from(`${username ?? ''}:${password ?? ''}`).toString('base64');
  const headers = username === undefined ? {} : { authorization: `Basic ${credentials}` };
  const names = (await (await fetch(new URL('_all_dbs', url), { headers })).json()) as string[];
  for (const name of names.filter((found) => found.startsWith(prefix))) {
    await (await fetch(new URL(name, url), { method: 'DELETE', headers })).arrayBuffer();
  }
}
