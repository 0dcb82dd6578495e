import { describeWithService } from '@dataflower/services';
import { CouchClient, prepareDatabase } from '../../couchdb/index.js';
import { quickClock } from '../testing/quick-clock.js';
import { CouchRecords } from './couch-records.js';
import { settingsOf, temporaryPrefix } from '../testing/couch.js';
import { RECORDS_DATABASE, RECORDS_SCHEMA } from './record-views.js';
import { Retention, type RetentionOptions } from './retention.js';
import { ViewWarmer } from './view-warmer.js';

describeWithService('couchdb', 'retention in CouchDB', ({ address }) => {
  const settings = settingsOf(address);
  const now = Date.now();
  let client: CouchClient;
  let names: ReturnType<typeof temporaryPrefix>;
  let database: string;
  let archive: CouchRecords;

  beforeEach(async () => {
    client = new CouchClient(settings);
    names = temporaryPrefix(settings);
    database = `${names.prefix}${RECORDS_DATABASE}`;
    await prepareDatabase(client, database, RECORDS_SCHEMA);
    archive = new CouchRecords(client, database, () => Promise.resolve(), new ViewWarmer(client, database));
    // One of each hour back from now, in two namespaces, and a document that is no record.
    const docs: object[] = Array.from({ length: 20 }, (_, i) => {
      const activationId = i.toString(16).padStart(32, '0');
      const namespace = i % 2 === 0 ? 'even' : 'odd';
      const start = now - i * 3_600_000 - 1000;
      return { _id: `${namespace}/${activationId}`, activationId, namespace, name: 'a', start, response: {} };
    });
    await client.request({
      method: 'POST',
      path: [database, '_bulk_docs'],
      body: { docs: [...docs, { _id: 'other', start: 1 }] },
    });
  });

  afterEach(async () => {
    await client.close();
    await names.remove();
  });

  const sweep = async (options: Partial<RetentionOptions>): Promise<number> => {
    const retention = new Retention({ client, database, clock: quickClock, everyMs: 1e9, ...options });
    await retention.sweep();
    await retention.close();
    return retention.deleted;
  };
  const counts = (): Promise<number[]> =>
    Promise.all(['even', 'odd'].map((namespace) => archive.count({ namespace }, 0)));

  test('deletes what is too old, in all namespaces, and nothing else', async () => {
    expect(await sweep({ maxAgeMs: 4 * 3_600_000 })).toBe(16);
    expect(await counts()).toEqual([2, 2]);
    expect(await client.request({ method: 'GET', path: [database, 'other'] })).toMatchObject({ start: 1 });
    expect(await sweep({ maxAgeMs: 4 * 3_600_000 })).toBe(0);
  });

  test('deletes the oldest beyond a number', async () => {
    expect(await sweep({ maxCount: 5 })).toBe(15);
    const left = await Promise.all(['even', 'odd'].map((namespace) => archive.list({ namespace }, 0, 10, true)));
    expect(left.flat().every(({ start }) => start > now - 5 * 3_600_000)).toBe(true);
    expect(await counts()).toEqual([3, 2]);
  });

  test('by two processes at once deletes each record once', async () => {
    const deleted = await Promise.all([sweep({ maxCount: 5 }), sweep({ maxCount: 5 })]);
    expect(deleted[0] + deleted[1]).toBe(15);
    expect(await counts()).toEqual([3, 2]);
  });
});
