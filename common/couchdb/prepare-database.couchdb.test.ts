import { couchAddress, describeWithService, dropDatabases, newPrefix } from '@dataflower/services';
import { FaultProxy } from '../records/testing/fault-proxy.js';
import { CouchClient } from './couch-client.js';
import { CouchDatabase, type CouchDocument } from './couch-database.js';
import { type DatabaseSchema, prepareDatabase } from './prepare-database.js';

const views = { all: { map: 'function (doc) { emit(doc._id, null); }' } };
const schema: DatabaseSchema = { version: 2, designs: { 'test-v2': views } };

describeWithService('couchdb', 'A database in CouchDB', ({ address }) => {
  const prefix = newPrefix();
  const client = new CouchClient(couchAddress(address));
  let count = 0;
  const newName = (): string => `${prefix}${++count}`;
  afterAll(async () => {
    await client.close();
    await dropDatabases(address, prefix);
  });

  test('is made once by many processes that start at once, with its views', async () => {
    const name = newName();
    const clients = Array.from({ length: 6 }, () => new CouchClient(couchAddress(address)));
    const prepared = await Promise.all(clients.map((each) => prepareDatabase(each, name, schema)));
    expect(new Set(prepared.map(({ incarnation }) => incarnation)).size).toBe(1);
    await Promise.all(clients.map((each) => each.close()));
    const database = new CouchDatabase(client, name);
    await database.put({ _id: 'a' });
    expect((await database.view('test-v2', 'all', { reduce: false })).map(({ id }) => id)).toEqual(['a']);
  });

  test('says on how many nodes its documents are', async () => {
    const proxy = await FaultProxy.open(address);
    const through = new CouchClient({ ...couchAddress(address), url: proxy.url });
    try {
      expect((await prepareDatabase(through, newName(), schema)).copies).toBe(1);
      proxy.copies = 3;
      expect((await prepareDatabase(through, newName(), schema)).copies).toBe(3);
    } finally {
      await through.close();
      await proxy.close();
    }
  });

  test('is left alone by who does not know its schema', async () => {
    const name = newName();
    await prepareDatabase(client, name, { ...schema, version: 3 });
    const database = new CouchDatabase(client, name);
    const before = await database.get('_design/dataflower');
    await expect(prepareDatabase(client, name, schema)).rejects.toThrow(
      `The database ${name} was written by a newer DataFlower (schema 3, this one knows 2): upgrade this process, or give it another couchdb.prefix.`,
    );
    expect(await database.get('_design/dataflower')).toEqual(before);
  });

  test('is brought to a newer schema step by step, by several at once', async () => {
    const name = newName();
    const { incarnation } = await prepareDatabase(client, name, { version: 1, designs: {} });
    const database = new CouchDatabase(client, name);
    await database.put({ _id: 'a' });
    const steps: number[] = [];
    const newer: DatabaseSchema = {
      version: 3,
      designs: { 'test-v3': views },
      migrate: async (migrated, from) => {
        steps.push(from);
        const found = await migrated.get<CouchDocument & { from?: number }>('a');
        await migrated.put({ ...found!, from } as CouchDocument);
      },
    };
    const prepared = await Promise.all([1, 2, 3].map(() => prepareDatabase(client, name, newer)));
    for (const each of prepared) expect(each.incarnation).toBe(incarnation);
    expect(await database.get('a')).toMatchObject({ from: 2 });
    expect(new Set(steps)).toEqual(new Set([1, 2]));
    await prepareDatabase(client, name, newer);
    await expect(prepareDatabase(client, name, schema)).rejects.toThrow(/newer DataFlower/);
  });

  test('gets a view back that somebody changed', async () => {
    const name = newName();
    await prepareDatabase(client, name, schema);
    const database = new CouchDatabase(client, name);
    const design = (await database.get('_design/test-v2'))!;
    await database.put({ ...design, views: {} } as CouchDocument);
    await prepareDatabase(client, name, schema);
    expect(await database.get('_design/test-v2')).toMatchObject({ views });
  });
});
