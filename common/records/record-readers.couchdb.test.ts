import fs from 'node:fs';
import { describeWithService } from '@dataflower/services';
import { type ArchivedRecordsOptions, createArchivedRecords } from './archived-records.js';
import { until } from '../testing/until.js';
import { CouchClient, prepareDatabase } from '../couchdb/index.js';
import { CouchRecords } from './couch/couch-records.js';
import { RECORDS_DATABASE, RECORDS_SCHEMA } from './couch/record-views.js';
import { MergedRecords } from './merged-records.js';
import { settingsOf, temporaryPrefix } from './testing/couch.js';
import type { ActivationRecord } from './record/record.js';
import { createReplicatedLog, createRecordLog } from './log/record-log.js';
import { temporaryDirectory, written } from './testing/record-log.js';
import { recordReaderContract } from './testing/record-reader-contract.js';
import { ViewWarmer } from './couch/view-warmer.js';

const seen = new Set<string>();
const again = ({ activationId }: ActivationRecord): boolean => {
  const known = seen.has(activationId);
  seen.add(activationId);
  return known;
};
beforeEach(() => seen.clear());

recordReaderContract('a record log', async () => {
  const dir = temporaryDirectory();
  const log = await createRecordLog({ dir });
  return {
    reader: log,
    add: async (...records) => {
      for (const record of records) log.append(record, again(record));
      await written(log);
    },
    close: async () => {
      await log.close();
      fs.rmSync(dir, { recursive: true });
    },
  };
});

recordReaderContract('what waits in a log', async () => {
  const dir = temporaryDirectory();
  const log = await createReplicatedLog({ dir });
  return {
    reader: log.waiting,
    add: async (...records) => {
      for (const record of records) log.append(record, again(record));
      await written(log);
    },
    close: async () => {
      await log.close();
      fs.rmSync(dir, { recursive: true });
    },
  };
});

describeWithService('couchdb', 'with CouchDB', ({ address }) => {
  const settings = settingsOf(address);
  const open = async (options: Partial<ArchivedRecordsOptions> = {}) => {
    const dir = temporaryDirectory();
    const { prefix, remove } = temporaryPrefix(settings);
    const records = await createArchivedRecords({ log: { dir }, couchdb: settings, prefix, ...options });
    const close = async (): Promise<void> => {
      await records.close(0);
      await remove();
      fs.rmSync(dir, { recursive: true });
    };
    const append = async (...added: readonly ActivationRecord[]): Promise<void> => {
      for (const record of added) records.append(record, again(record));
      await new Promise<void>((resolve) => records.written(() => resolve()));
    };
    const carried = (): Promise<unknown> => until(() => records.status().waitingRecords === 0);
    return { records, prefix, dir, append, carried, close };
  };

  /** The archive alone, without the log. */
  const archiveOf = (prefix: string): { readonly archive: CouchRecords; close(): Promise<void> } => {
    const client = new CouchClient(settings);
    const database = `${prefix}${RECORDS_DATABASE}`;
    const prepare = (): Promise<void> => prepareDatabase(client, database, RECORDS_SCHEMA).then(() => undefined);
    const views = new ViewWarmer(client, database);
    return { archive: new CouchRecords(client, database, prepare, views), close: () => client.close() };
  };

  recordReaderContract('CouchDB', async () => {
    const { prefix, append, carried, close } = await open();
    const { archive, close: disconnect } = archiveOf(prefix);
    return {
      reader: archive,
      add: async (...added) => {
        await append(...added);
        await carried();
      },
      close: () => Promise.all([close(), disconnect()]).then(() => undefined),
    };
  });

  recordReaderContract('logs and CouchDB that all have the same', async () => {
    const { records, prefix, append, carried, close } = await open();
    const { archive, close: disconnect } = archiveOf(prefix);
    const dir = temporaryDirectory();
    const log = await createRecordLog({ dir });
    return {
      reader: new MergedRecords({ own: log, others: () => [log, records.waiting], archive }),
      add: async (...added) => {
        for (const record of added) log.append(record, true);
        await append(...added);
        await carried();
      },
      close: async () => {
        await Promise.all([close(), disconnect(), log.close()]);
        fs.rmSync(dir, { recursive: true });
      },
    };
  });

  recordReaderContract('a log and CouchDB together', async () => {
    const { records, append, carried, close } = await open();
    return {
      reader: records,
      add: async (...added) => {
        const half = added.length >> 1;
        await append(...added.slice(0, half));
        await carried();
        await append(...added.slice(half));
      },
      close,
    };
  });
});
