import type { Logger } from 'pino';
import {
  type CouchClient,
  CouchSchemaError,
  CouchUnavailableError,
  type MetricsWriter,
} from '@dataflower/common/couchdb';
import type { Finding } from '@dataflower/common/health';
import type { SubjectStore } from '@dataflower/plugin/auth';
import { EntitySubjects, CachedStore } from '@dataflower/plugin/stores';
import { openCouchEntityStore, CouchSubjects } from '@dataflower/plugin/stores/couchdb';
import type { Config } from '../../config/index.js';
import { connectCouch, couchSettings } from '../process/couch-connection.js';
import { opening } from '../process/opening.js';
import { openEntities } from './entities.js';
import { startMetrics } from '../process/metrics.js';
import { StartError } from '../process/start-error.js';

/** The stores of entities and users: in CouchDB when it is configured, else in the data directory. */
export interface Stores {
  readonly entities: CachedStore;
  readonly subjects: SubjectStore;
  /** The problem that keeps the stores from being used; undefined: none. */
  health(): Finding | undefined;
  /** Writes the counters of this process into CouchDB from now on; does nothing without CouchDB. */
  keepMetrics(component: string, collect: () => Promise<string>): void;
  close(): Promise<void>;
}

/** The data directory must have been prepared. Throws `StartError`. */
export async function openStores(config: Config, log: Logger): Promise<Stores> {
  return (await asStartError(openCouchStores(config, log))) ?? (await openEmbeddedStores(config, log));
}

async function openEmbeddedStores({ dataDir }: Config, log: Logger): Promise<Stores> {
  const entities = await openEntities(dataDir, {
    onProblem: (reason) => {
      if (reason === undefined) log.info('the entities can be written again, and all that was confirmed is there');
      else log.error({ reason }, 'the entities cannot be written: writes are refused until they could be read back');
    },
    onUpgrade: (documents) => log.info({ documents }, 'the entities of an older version were taken over'),
  });
  return {
    entities,
    subjects: new EntitySubjects(entities),
    health: () => finding('unready', entities.health()),
    keepMetrics: () => undefined,
    close: () => entities.close(),
  };
}

/** Opens the users alone, for a command that works on them; undefined when no CouchDB is configured. */
export async function openCouchSubjects({ couchdb }: Config): Promise<SubjectStore | undefined> {
  const client = await asStartError(connect(couchdb, () => undefined));
  if (client === undefined) return undefined;
  return new CouchSubjects({ client, database: `${couchdb.prefix}subjects`, ownsClient: true });
}

async function openCouchStores({ couchdb, dataDir }: Config, log: Logger): Promise<Stores | undefined> {
  const client = await connect(couchdb, (reason) => log.warn({ reason }, 'waiting for CouchDB'));
  if (client === undefined) return undefined;
  const { prefix, maxStaleMs, codeBytes } = couchdb;
  const spool = { base: dataDir, maxBytes: codeBytes };
  const onProblem = (reason: string | undefined): void => {
    if (reason === undefined) log.info('CouchDB can be used again');
    else log.warn({ reason }, 'CouchDB cannot be used: actions in memory go on, all else of the API answers 503');
  };
  const onCopies = (copies: number): void => {
    const risk =
      'CouchDB is a cluster: when two processes write one entity at the same moment through different nodes, both may be told that they have won; give all processes the address of one node';
    log.warn({ copies }, risk);
  };
  return opening(log, async (stack) => {
    stack.use(client, (opened) => opened.close());
    const entities = new CachedStore(
      await openCouchEntityStore({ client, database: `${prefix}whisks`, maxStaleMs, spool, onProblem, onCopies }),
    );
    stack.use(entities, (opened) => opened.close());
    const subjects = new CouchSubjects({ client, database: `${prefix}subjects` });
    stack.use(subjects, (opened) => opened.close());
    let metrics: MetricsWriter | undefined;
    stack.defer(() => metrics?.close());
    return {
      entities,
      subjects,
      // Actions in memory go on: taking the process out of service would stop them too.
      health: () => finding('degraded', entities.health() ?? subjects.health()),
      keepMetrics: (component, collect) => {
        metrics ??= startMetrics(client, couchdb, log, component, collect);
      },
      close: () => stack.close(0),
    };
  });
}

function finding(severity: Finding['severity'], reason: string | undefined): Finding | undefined {
  return reason === undefined ? undefined : { severity, reason };
}

async function connect(
  section: Config['couchdb'],
  waiting: (reason: string) => void,
): Promise<CouchClient | undefined> {
  const settings = couchSettings(section);
  return settings === undefined ? undefined : connectCouch(settings, section.startMs, waiting);
}

async function asStartError<T>(opened: Promise<T>): Promise<T> {
  try {
    return await opened;
  } catch (cause) {
    if (cause instanceof CouchSchemaError || cause instanceof CouchUnavailableError)
      throw new StartError(cause.message, { cause });
    throw cause;
  }
}
