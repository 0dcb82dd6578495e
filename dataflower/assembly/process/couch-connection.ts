import { Access, CouchClient, type CouchSettings, CouchUnavailableError } from '@dataflower/common/couchdb';
import { readText } from '@dataflower/composer/files';
import type { Config } from '../../config/index.js';
import { StartError } from './start-error.js';

type Section = Config['couchdb'];

const PAUSE_MS = 250;
/** A little longer than CouchDB locks a user out by default. */
const LOCK_MS = 310_000;
/** By section of the configuration: the clients of one process are refused together, and ask again together. */
const accesses = new WeakMap<Section, Access>();

/** The settings of a client, with the files of the section read; undefined without a URL. Throws `StartError`. */
export function couchSettings(section: Section): CouchSettings | undefined {
  const { url, username, tls, timeoutMs, retries, connections, maxRequests } = section;
  if (url === undefined) return undefined;
  const password = passwordOf(section);
  if ((username === undefined) !== (password === undefined)) {
    throw new StartError(
      'couchdb.username and a password belong together: set couchdb.passwordFile or couchdb.password, or neither name nor password.',
    );
  }
  const ca = tls.caFile === undefined ? undefined : textOf(tls.caFile, 'couchdb.tls.caFile');
  return {
    url,
    tls: { insecure: tls.insecure, ...(ca === undefined ? {} : { ca }) },
    timeoutMs,
    retries,
    connections,
    maxRequests,
    access: accessOf(section),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  };
}

function accessOf(section: Section): Access {
  let access = accesses.get(section);
  if (access === undefined) accesses.set(section, (access = new Access()));
  return access;
}

/**
 * A client of a CouchDB that answers: waits for it to come up for `startMs`, and for a user that it has locked out until
 * that has passed. `waiting` is told once why it waits. Throws `StartError`.
 */
export async function connectCouch(
  settings: CouchSettings,
  startMs: number,
  waiting: (reason: string) => void,
  lockMs = LOCK_MS,
): Promise<CouchClient> {
  const client = new CouchClient(settings);
  const began = performance.now();
  let waitMs = startMs;
  for (let told = false; ;) {
    try {
      await client.request({ method: 'GET', path: [], retries: 0 });
      return client;
    } catch (cause) {
      if (cause instanceof CouchUnavailableError && cause.retryable && cause.status === 403)
        waitMs = Math.max(startMs, lockMs);
      const late = performance.now() - began > waitMs;
      if (late || !(cause instanceof CouchUnavailableError) || !cause.retryable) {
        await client.close();
        throw new StartError(`${(cause as Error).message}${late ? ` It was waited for ${waitMs} ms.` : ''}`, {
          cause,
        });
      }
      if (!told) waiting(cause.message);
      told = true;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

function passwordOf({ password, passwordFile }: Section): string | undefined {
  if (passwordFile === undefined) return password;
  if (password !== undefined)
    throw new StartError('couchdb.password and couchdb.passwordFile say the same twice: leave one out.');
  const text = textOf(passwordFile, 'couchdb.passwordFile').trimEnd();
  if (text === '') throw new StartError(`The file ${passwordFile} (couchdb.passwordFile) is empty.`);
  return text;
}

function textOf(path: string, key: string): string {
  try {
    return readText(path);
  } catch (cause) {
    throw new StartError(`${key}: ${(cause as Error).message}`, { cause });
  }
}
