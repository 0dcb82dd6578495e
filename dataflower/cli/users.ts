import { Subjects } from '@dataflower/plugin/auth';
import { addUser, userJson, USERS_PATH } from '@dataflower/plugin/server';
import { EntitySubjects } from '@dataflower/plugin/stores';
import { loadConfig } from '../config/index.js';
import { openEntities } from '../assembly/gateway/entities.js';
import { prepareDataDirectory, readRunning } from '../assembly/process/data-directory.js';
import { StartError } from '../assembly/process/start-error.js';
import { openCouchSubjects } from '../assembly/gateway/stores.js';
import { askOperator } from './operator.js';
import type { Terminal } from './outcome.js';

/** Location of the users: a data directory, or a configuration that names one or a CouchDB. */
export interface UsersAt {
  readonly data?: string;
  readonly config?: string;
}

export interface User {
  readonly name: string;
  /** `uuid:key`. */
  readonly authorization: string;
}

/** Creates a user with a new key. */
export async function addUserAt(at: UsersAt, terminal: Terminal, name: string): Promise<User> {
  const added = await onUsers(at, terminal, async (subjects) => userJson(await addUser(subjects, name)), { name });
  return added as User;
}

export async function listUsersAt(at: UsersAt, terminal: Terminal): Promise<User[]> {
  const list = (subjects: Subjects): Promise<unknown> => Promise.resolve(subjects.list().map(userJson));
  return (await onUsers(at, terminal, list, undefined)) as User[];
}

/**
 * Works on CouchDB if one is configured, else on the data directory. While a server has that open, the server is asked
 * instead, with `body`.
 */
async function onUsers(
  at: UsersAt,
  terminal: Terminal,
  work: (subjects: Subjects) => Promise<unknown>,
  body: object | undefined,
): Promise<unknown> {
  const config = loadConfig({
    file: at.config,
    environment: terminal.environment,
    overrides: { dataDir: at.data },
  });
  const shared = await openCouchSubjects(config);
  if (shared !== undefined) {
    try {
      return await work(await Subjects.open(shared));
    } finally {
      await shared.close();
    }
  }
  const { dataDir } = config;
  await prepareDataDirectory(dataDir);
  try {
    const store = await openEntities(dataDir);
    try {
      return await work(await Subjects.open(new EntitySubjects(store)));
    } finally {
      await store.close();
    }
  } catch (error) {
    if (StartError.is(error, 'DATA_DIRECTORY_IN_USE')) return askServer(dataDir, body, error);
    throw error;
  }
}

async function askServer(dataDir: string, body: object | undefined, inUse: StartError): Promise<unknown> {
  const running = await readRunning(dataDir);
  if (running === undefined) throw inUse;
  return askOperator(running, USERS_PATH, body);
}
