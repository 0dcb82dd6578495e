import type { CouchSettings } from '../../couchdb/index.js';
import { createArchivedRecords } from '../archived-records.js';
import { recordOf } from '../record-log.testing.js';

interface WriterOptions {
  readonly dir: string;
  readonly settings: CouchSettings;
  readonly prefix: string;
  readonly from: number;
}

// Appends records until it is killed, and prints after each turn how many are in the files.
const { dir, settings, prefix, from } = JSON.parse(process.env['WRITER']!) as WriterOptions;
const records = await createArchivedRecords({
  log: { dir },
  couchdb: settings,
  prefix,
  batches: { maxRecords: 100, maxBytes: 65_536 },
});
for (let count = from; ;) {
  for (let i = 0; i < 20; i++) records.append(recordOf(count++));
  await new Promise<void>((resolve) => records.written(() => resolve()));
  await new Promise((resolve) => process.stdout.write(`${count}\n`, resolve));
}
