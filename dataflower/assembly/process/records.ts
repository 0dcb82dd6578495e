import { join } from 'node:path';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { systemClock } from '@dataflower/common';
import { CouchUnavailableError } from '@dataflower/common/couchdb';
import type { Finding, Health } from '@dataflower/common/health';
import {
  type ArchivedRecords,
  createArchivedRecords,
  createRecordLog,
  RecordLogError,
  registerLogMetrics,
  registerRecordMetrics,
  type RecordReader,
  type RecordStore,
} from '@dataflower/common/records';
import { completeLost } from '@dataflower/invoker-shim';
import type { Config } from '../../config/index.js';
import { couchSettings } from './couch-connection.js';
import { directoryInUse } from './data-directory.js';
import { StartError } from './start-error.js';

export interface OpenRecordsOptions {
  /** Records that wait in the files of other processes. */
  readonly others?: () => readonly RecordReader[];
  /** This process deletes old records from CouchDB. */
  readonly retains: boolean;
}

/** The records of a process. */
export interface ProcessRecords {
  readonly store: RecordStore;
  /** The records that are in the files of this process and nowhere else. */
  readonly waiting: RecordReader;
  /** Defined when records are carried to CouchDB: `store` then reads from there and from other processes too. */
  readonly archived: ArchivedRecords | undefined;
  /** A problem with the files. */
  readonly filesHealth: () => Promise<Finding | undefined>;
  /** Prometheus text of the metrics of records. */
  readonly metrics: () => Promise<string>;
}

/** The record files in `dataDir`; with CouchDB configured, they are carried there. Throws `StartError`. */
export async function openRecords(
  config: Config,
  dataDir: string,
  log: Logger,
  { others, retains }: OpenRecordsOptions,
): Promise<ProcessRecords> {
  const { maxBytes, maxAgeMs, maxCount } = config.records;
  const onError = (err: Error): void => log.error({ err }, 'records cannot be written');
  const onDamage = (message: string): void => log.error(message);
  const files = { dir: join(dataDir, 'records'), maxBytes, maxAgeMs, onError, onDamage };
  const registry = new Registry();
  const metrics = (): Promise<string> => registry.metrics();
  const couchdb = couchSettings(config.couchdb);
  try {
    if (couchdb === undefined) {
      const store = await createRecordLog(files);
      registerLogMetrics(registry, () => store.metrics);
      return { store, waiting: store, archived: undefined, filesHealth: () => store.filesHealth(), metrics };
    }
    const archived = await createArchivedRecords({
      log: files,
      couchdb,
      prefix: config.couchdb.prefix,
      ...(others === undefined ? {} : { others }),
      ...(retains ? { retention: { maxAgeMs, maxCount } } : {}),
      // While CouchDB is away the message has the reason; a stack would only bury it.
      onProblem: (problem, err) => log.warn(err instanceof CouchUnavailableError ? {} : { err }, problem),
      onMended: (message) => log.info(message),
    });
    const { waitingRecords } = archived.status();
    if (waitingRecords > 0) log.info({ waitingRecords }, 'records that an earlier process left are carried to CouchDB');
    registerLogMetrics(registry, () => archived.status().log);
    registerRecordMetrics(registry, () => archived.status());
    const filesHealth = (): Promise<Finding | undefined> => archived.filesHealth();
    return { store: archived, waiting: archived.waiting, archived, filesHealth, metrics };
  } catch (cause) {
    if (cause instanceof RecordLogError && cause.code === 'RECORD_LOG_LOCKED') throw directoryInUse(dataDir, cause);
    // An error of the file system; its text does not always name the file.
    if (typeof (cause as NodeJS.ErrnoException).errno === 'number')
      throw new StartError(
        `The records in ${files.dir} cannot be opened (${(cause as Error).message}): repair the directory or choose another with --data.`,
        { cause },
      );
    throw cause;
  }
}

/** Writes records for the activations that an earlier process of this host left without one. No activation may run yet. */
export async function completeRecords({ store, waiting }: ProcessRecords, log: Logger): Promise<void> {
  const activations = await completeLost(store, waiting, systemClock.wall());
  if (activations > 0)
    log.warn({ activations }, 'an earlier process ended while these activations ran: they have a record that says so');
}

/** Registers the health checks of the records. */
export function registerRecordChecks(health: Health, { archived, filesHealth }: ProcessRecords): void {
  health.register('record files', filesHealth);
  if (archived !== undefined) health.register('archive', () => archived.health());
}
