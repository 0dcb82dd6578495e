import { CouchClient } from '@dataflower/common/couchdb';
import { until } from '@dataflower/common/testing';
import { couchAddress, describeWithService, dropDatabases, newPrefix } from '@dataflower/services';
import { CachedStore } from '../cached-store.js';
import { entityStoreContract } from '../testing/entity-store-contract.js';
import type { EntityStore } from '../entity-store.js';
import { openCouchEntityStore } from './couch-entity-store.js';

describeWithService('couchdb', 'Entities in CouchDB', ({ address }) => {
  const prefix = newPrefix();
  let opened = 0;
  const client = new CouchClient(couchAddress(address));
  afterAll(async () => {
    await client.close();
    await dropDatabases(address, prefix);
  });
  const open = (number = ++opened): Promise<EntityStore> =>
    openCouchEntityStore({
      client,
      database: `${prefix}${number}`,
      maxStaleMs: 60_000,
      pollMs: 500,
      spool: { maxBytes: 1_500_000 },
    });

  test('what is held outlives the compaction that removes its revision, also when others have written', async () => {
    const [ours, theirs] = [await open(), await open(opened)];
    const document = { _id: 'ns/a', entityType: 'action', namespace: 'ns', name: 'a', updated: 1 };
    const code = (text: string) => ({ name: 'codefile', contentType: 'text/plain', data: Buffer.from(text) });
    const first = await ours.put(document, code('one'));
    await ours.get('ns/a');
    const release = (await ours.hold('ns/a', first, 'codefile'))!;
    const second = await theirs.put({ ...document, _rev: first }, code('two'));
    await theirs.delete('ns/a', second);
    await client.request({ method: 'POST', path: [`${prefix}${opened}`, '_compact'], body: {} });
    await until(async () => (await theirs.attachment('ns/a', first, 'codefile')) === undefined);
    expect((await ours.attachment('ns/a', first, 'codefile'))?.toString()).toBe('one');
    release();
    await Promise.all([ours.close(), theirs.close()]);
  });

  test('revisions that keep their code share one copy', async () => {
    const store = await open();
    const document = { _id: 'ns/a', entityType: 'action', namespace: 'ns', name: 'a', updated: 1 };
    const data = Buffer.alloc(600_000, 'x');
    let rev = await store.put(document, { name: 'codefile', contentType: 'text/plain', data });
    // Three copies would not fit.
    for (let updated = 2; updated < 5; updated++) {
      await store.get('ns/a');
      expect(await store.hold('ns/a', rev, 'codefile')).toBeInstanceOf(Function);
      rev = await store.put({ ...document, _rev: rev, updated }, 'keep');
    }
    await store.close();
  });

  entityStoreContract('CouchDB', () => open());
  entityStoreContract('CouchDB behind a cache', async () => new CachedStore(await open()));
});
