import { couchAddress, describeWithService, dropDatabases, newPrefix } from '@dataflower/services';
import { CouchClient } from '@dataflower/invoker-shim/couchdb';
import { CachedStore } from '../cached-store.js';
import { entityStoreContract } from '../contract.js';
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
  const open = (): Promise<EntityStore> =>
    openCouchEntityStore({ client, database: `${prefix}${++opened}`, maxStaleMs: 60_000 });

  entityStoreContract('CouchDB', open);
  entityStoreContract('CouchDB behind a cache', async () => new CachedStore(await open()));
});
