import { join } from 'node:path';
import {
  type ArchivedRecords,
  createArchivedRecords,
  createRecordLog,
  RecordLogError,
  type RecordReader,
  type RecordStore,
} from '@dataflower/invoker-shim';
import type { Logger } from 'pino';
import type { Config } from '../config/index.js';
import { couchSettings } from '../stores/couchdb/connect.js';
import { DirectoryInUseError } from './data-directory.js';

export interface OpenRecordsOptions {
  /** What waits in the files of other processes. */
  readonly others?: () => readonly RecordReader[];
  /** This process deletes old records from CouchDB. */
  readonly retains: boolean;
}

/** The record files in `dataDir`; with CouchDB configured, they are carried there and read from there. */
export async function openRecords(
  config: Config,
  dataDir: string,
  log: Logger,
  { others, retains }: OpenRecordsOptions,
): Promise<RecordStore | ArchivedRecords> {
  const { maxBytes, maxAgeMs } = config.records;
  const onError = (err: Error): void => log.error({ err }, 'records cannot be written');
  const files = { dir: join(dataDir, 'records'), maxBytes, maxAgeMs, onError };
  const couchdb = couchSettings(config.couchdb);
  try {
    if (couchdb === undefined) return await createRecordLog(files);
    return await createArchivedRecords({
      log: files,
      couchdb,
      prefix: config.couchdb.prefix,
      ...(others === undefined ? {} : { others }),
      ...(retains ? { retention: { maxAgeMs } } : {}),
      onProblem: (problem, err) => log.warn({ err }, problem),
    });
  } catch (cause) {
    if (cause instanceof RecordLogError && cause.code === 'RECORD_LOG_LOCKED')
      throw new DirectoryInUseError(dataDir, { cause });
    throw cause;
  }
}

/** With CouchDB: what waits in these files. */
export function waitingIn(records: RecordStore | ArchivedRecords): RecordReader {
  return 'waiting' in records ? records.waiting : records;
}
