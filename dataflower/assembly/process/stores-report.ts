import type { ArchivedRecords, RecordStore } from '@dataflower/common/records';
import type { RecordsReport } from '@dataflower/invoker-shim';
import type { Config } from '../../config/index.js';

/** Description of the stores of entities and of records, for people. */
export function storesOf({ couchdb, dataDir }: Config, records: RecordStore): Readonly<Record<string, string>> {
  const inCouch = couchdb.url !== undefined;
  return {
    entities: inCouch ? 'CouchDB' : `files in ${dataDir}`,
    records: isArchive(records) ? `CouchDB, by way of files in ${dataDir}` : `files in ${dataDir}`,
  };
}

/** The state of a process's records, and the number that waits for CouchDB. */
export function recordsReport(records: RecordStore): RecordsReport {
  if (!isArchive(records)) return { full: records.full };
  const { full, waitingRecords, waitingBytes, lagMs } = records.status();
  return { full, waitingRecords, waitingBytes, lagMs };
}

function isArchive(records: RecordStore): records is ArchivedRecords {
  return 'status' in records;
}
