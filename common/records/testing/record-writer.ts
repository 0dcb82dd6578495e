import type { CouchSettings } from '../../couchdb/index.js';
import { createArchivedRecords } from '../archived-records.js';
import { recordOf } from './record-log.js';

interface WriterOptions {
  readonly dir: string;
  readonly settings: CouchSettings;
  readonly prefix: string;
  readonly from: number;
}

/** In one life: enough for several batches, few enough for a slow database. */
const MOST = 400;
const PAUSE_MS = 5;

// Appends records until it is killed, and prints again and again how many are in the files.
const { dir, settings, prefix, from } = JSON.parse(process.env['WRITER']!) as WriterOptions;
const records = await createArchivedRecords({
  log: { dir },
  couchdb: settings,
  prefix,
  batches: { maxRecords: 100, maxBytes: 65_536 },
});
for (let count = from; ;) {
  for (let i = 0; i < 10 && count < from + MOST; i++) records.append(recordOf(count++));
  await new Promise<void>((resolve) => records.written(() => resolve()));
  await new Promise((resolve) => process.stdout.write(`${count}\n`, resolve));
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
