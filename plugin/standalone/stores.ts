import type { Logger } from 'pino';
import { CouchSchemaError } from '@dataflower/invoker-shim/couchdb';
import { EntitySubjects, type SubjectStore } from '../auth/subject-store.js';
import type { Config } from '../config/index.js';
import { CachedStore } from '../stores/cached-store.js';
import { connectCouch, couchSettings, CouchStartError } from '../stores/couchdb/connect.js';
import { openCouchEntityStore } from '../stores/couchdb/couch-entity-store.js';
import { CouchSubjects } from '../stores/couchdb/couch-subjects.js';
import { openEntities } from './data-directory.js';
import { StartError } from './start-error.js';

/** Where entities and users are kept: in CouchDB when it is configured, else in the data directory. */
export interface Stores {
  readonly entities: CachedStore;
  readonly subjects: SubjectStore;
  /** Why they cannot be used now; undefined: they can. */
  health(): string | undefined;
  close(): Promise<void>;
}

/** The data directory must have been prepared. Throws `StartError`. */
export async function openStores(config: Config, log: Logger): Promise<Stores> {
  try {
    return await openCouchStores(config, log) ?? (await openEmbeddedStores(config));
  } catch (cause) {
    if (cause instanceof CouchStartError || cause instanceof CouchSchemaError)
      throw new StartError(cause.message, { cause });
    throw cause;
  }
}

async function openEmbeddedStores({ dataDir }: Config): Promise<Stores> {
  const entities = await openEntities(dataDir);
  return {
    entities,
    subjects: new EntitySubjects(entities),
    health: () => entities.health(),
    close: () => entities.close(),
  };
}

async function openCouchStores({ couchdb }: Config, log: Logger): Promise<Stores | undefined> {
  const settings = couchSettings(couchdb);
  if (settings === undefined) return undefined;
  const { prefix, startMs, maxStaleMs } = couchdb;
  const client = await connectCouch(settings, startMs, (reason) => log.warn({ reason }, 'waiting for CouchDB'));
  try {
    const entities = new CachedStore(
      await openCouchEntityStore({
        client,
        database: `${prefix}whisks`,
        maxStaleMs,
        onProblem: (reason) => {
          if (reason === undefined) log.info('CouchDB can be used again');
          else log.warn({ reason }, 'CouchDB cannot be used: cached actions go on, everything else of the API answers 503');
        },
      }),
    );
    const subjects = new CouchSubjects({ client, database: `${prefix}subjects` });
    return {
      entities,
      subjects,
      health: () => entities.health() ?? subjects.health(),
      close: async () => {
        await Promise.all([entities.close(), subjects.close()]);
        await client.close();
      },
    };
  } catch (error) {
    await client.close();
    throw error;
  }
}
