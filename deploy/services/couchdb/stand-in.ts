import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { type ProcessIdentity, startProgram, stopProgram, untilReady } from '../background-program.js';
import { installedCopy } from '../installed-packages.js';
import { repositoryPath } from '../repository.js';

const READY_MS = 60_000;
const ASK_MS = 5_000;
const USER = 'admin';

export interface StandInOptions {
  /** Where its data is kept; made when missing. Data of an earlier start is kept. */
  readonly directory: string;
  /** Absolute path of its log. */
  readonly log: string;
  /** TCP port on 127.0.0.1. Default: a free one. */
  readonly port?: number;
  /** Of its administrator, `admin`. Default: a new one. */
  readonly password?: string;
  /** Called with the program as soon as it runs, before it answers. */
  readonly onStarted?: (started: { readonly process: ProcessIdentity; readonly url: string }) => void;
}

/** A running stand-in for CouchDB. */
export interface CouchDbStandIn {
  /** With its administrator's name and password. */
  readonly url: string;
  readonly port: number;
  readonly password: string;
  readonly process: ProcessIdentity;
  /** Ends it; its data stays. `SIGKILL` is what a crash would do. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

/** Starts a stand-in for CouchDB and waits until it answers: for tests that stop it, start it again, fill its disk. */
export async function startCouchDbStandIn(options: StandInOptions): Promise<CouchDbStandIn> {
  const { directory, log, password = randomBytes(18).toString('base64url') } = options;
  const program = await installedCopy(repositoryPath('deploy/services/couchdb/stand-in'), 'dataflower-couchdb');
  const port = options.port ?? (await freePort());
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const url = `http://${USER}:${password}@127.0.0.1:${port}`;
  const identity = await startProgram(process.execPath, ['server.js', directory, `${port}`], {
    cwd: program,
    log,
    environment: { PATH: process.env['PATH'], COUCHDB_USER: USER, COUCHDB_PASSWORD: password },
  });
  options.onStarted?.({ process: identity, url });
  await untilReady(identity, { log, withinMs: READY_MS, ask: () => askCouchDb(url) });
  return {
    url,
    port,
    password,
    process: identity,
    stop: async (signal = 'SIGTERM') => {
      if (signal === 'SIGKILL') killNow(identity);
      await stopProgram(identity);
    },
  };
}

/** Asks the server whether it is up and takes the credentials of its address. Rejects, without them, when it does not. */
export async function askCouchDb(address: string): Promise<void> {
  const { origin, pathname, username, password } = new URL(address);
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const headers = username === '' ? {} : { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
  const base = `${origin}${pathname.replace(/\/$/, '')}`;
  const response = await fetch(`${base}/_all_dbs`, { headers, signal: AbortSignal.timeout(ASK_MS) });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`${base} answers ${response.status} to /_all_dbs.`);
}

function killNow({ pid }: ProcessIdentity): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It was gone.
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('There is no free port.');
  return address.port;
}
