import { couchAddress, describeWithService, dropDatabases, newPrefix } from '@dataflower/services';
import { CouchClient } from './couch-client.js';
import { CouchDatabase } from './couch-database.js';
import { prepareDatabase } from './prepare-database.js';

describeWithService('couchdb', 'Documents of a database', ({ address }) => {
  const name = `${newPrefix()}documents`;
  const client = new CouchClient(couchAddress(address));
  const database = new CouchDatabase(client, name);
  beforeAll(() => prepareDatabase(client, name, { version: 1, designs: {} }));
  afterAll(async () => {
    await client.close();
    await dropDatabases(address, name);
  });

  test('are all read, page by page, though one goes meanwhile', async () => {
    const revisions = new Map<string, string>();
    const ids = Array.from({ length: 9 }, (_, i) => `d${i}`);
    for (const id of ids) revisions.set(id, (await database.put({ _id: id }))!);
    const found: string[] = [];
    for await (const page of database.pages(3)) {
      found.push(...page.map(({ _id }) => _id));
      const last = found.at(-1)!;
      if (revisions.has(last)) await database.remove(last, revisions.get(last)!);
    }
    expect(found).toEqual(['_design/dataflower', ...ids].sort());
  });
});
