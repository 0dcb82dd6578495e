import { CouchClient } from '@dataflower/common/couchdb';
import { until } from '@dataflower/common/testing';
import {
  couchAddress,
  describeWithService,
  dropDatabases,
  newPrefix,
  type FaultProxy,
  startFaultProxy,
} from '@dataflower/services';
import { CachedStore } from '../cached-store.js';
import { ConflictError, StoreUnavailableError, type StoredDocument } from '../entity-store.js';
import { openCouchEntityStore } from './couch-entity-store.js';

const document = (updated: number, more: object = {}): StoredDocument => ({
  _id: 'ns/a',
  entityType: 'action',
  namespace: 'ns',
  name: 'a',
  updated,
  ...more,
});

/** A document read while its change arrives is not kept: read until it is. */
async function keep(store: CachedStore): Promise<void> {
  await until(async () => (await store.get('ns/a')) !== undefined && store.peek('ns/a') !== undefined);
}

describeWithService('couchdb', 'Entities in CouchDB that several processes have in memory', ({ address }) => {
  const prefix = newPrefix();
  let opened = 0;
  let database: string;
  let proxy: FaultProxy;
  let closing: (() => Promise<void>)[];

  beforeEach(async () => {
    database = `${prefix}${++opened}`;
    proxy = await startFaultProxy(address);
    closing = [];
  });
  afterEach(async () => {
    proxy.fault = () => 'pass';
    for (const close of closing.reverse()) await close();
    await proxy.close();
  });
  afterAll(() => dropDatabases(address, prefix));

  const open = async (at: string, maxStaleMs = 60_000, timeoutMs = 10_000): Promise<CachedStore> => {
    const client = new CouchClient({ ...couchAddress(at), timeoutMs });
    closing.push(() => client.close());
    const store = new CachedStore(await openCouchEntityStore({ client, database, maxStaleMs, pollMs: 500 }));
    closing.push(() => store.close());
    return store;
  };

  test('what one writes and removes, the other sees', async () => {
    const [ours, theirs] = [await open(proxy.url), await open(address)];
    const first = await theirs.put(document(1));
    await keep(ours);
    expect((await ours.get('ns/a'))?._rev).toBe(first);
    const { version } = ours;
    const second = await theirs.put(document(2, { _rev: first }));
    await until(() => ours.peek('ns/a') === undefined);
    expect(ours.version).toBeGreaterThan(version);
    expect((await ours.get('ns/a'))?._rev).toBe(second);
    await keep(ours);
    await theirs.delete('ns/a', second);
    await until(() => ours.peek('ns/a') === undefined);
    expect(await ours.get('ns/a')).toBeUndefined();
  });

  test('a write by itself leaves what is read after it in memory', async () => {
    const ours = await open(proxy.url);
    const rev = await ours.put(document(1));
    await keep(ours);
    await ours.put({ ...document(1), _id: 'ns/b', name: 'b' });
    await until(() => proxy.asked.filter(({ path }) => path.includes('_changes')).length > 2);
    expect(ours.peek('ns/a')?._rev).toBe(rev);
  });

  test('while CouchDB is away what is in memory stays in use, and no change is missed', async () => {
    const [ours, theirs] = [await open(proxy.url), await open(address)];
    const first = await theirs.put(document(1));
    await keep(ours);
    proxy.fault = () => 'refuse';
    proxy.disconnect();
    await until(() => ours.health() !== undefined);
    expect(ours.health()).toMatch(/CouchDB at http:\/\/127\.0\.0\.1:\d+ cannot be reached/);
    let rev = first;
    for (let updated = 2; updated < 8; updated++) rev = await theirs.put(document(updated, { _rev: rev }));
    expect((await ours.get('ns/a'))?._rev).toBe(first);
    await expect(ours.put(document(9, { _rev: first }))).rejects.toBeInstanceOf(StoreUnavailableError);
    expect(ours.peek('ns/a')?._rev).toBe(first);
    await expect(ours.get('ns/other')).rejects.toBeInstanceOf(StoreUnavailableError);
    proxy.fault = () => 'pass';
    await until(() => ours.health() === undefined && ours.peek('ns/a') === undefined);
    expect((await ours.get('ns/a'))?._rev).toBe(rev);
    await expect(ours.put(document(9, { _rev: first }))).rejects.toBeInstanceOf(ConflictError);
  });

  test('a connection that says nothing any more does not hide changes for long', async () => {
    const [ours, theirs] = [await open(proxy.url, undefined, 5_000), await open(address)];
    const first = await theirs.put(document(1));
    await keep(ours);
    proxy.fault = ({ path }) => (path.includes('feed=longpoll') ? 'silence' : 'pass');
    proxy.disconnect();
    await theirs.put(document(2, { _rev: first }));
    await until(() => ours.peek('ns/a') === undefined);
    expect((await ours.get('ns/a'))?.updated).toBe(2);
  });

  test('nothing in memory is used for longer than it may without news', async () => {
    const [ours, theirs] = [await open(proxy.url, 300), await open(address)];
    await theirs.put(document(1));
    await keep(ours);
    proxy.fault = () => 'refuse';
    proxy.disconnect();
    await until(() => ours.peek('ns/a') === undefined);
    await expect(ours.get('ns/a')).rejects.toBeInstanceOf(StoreUnavailableError);
  });

  test('a database that was removed is made again, and nothing of the old one is remembered', async () => {
    const ours = await open(proxy.url);
    await ours.put(document(1));
    await keep(ours);
    const client = new CouchClient(couchAddress(address));
    closing.push(() => client.close());
    await client.request({ method: 'DELETE', path: [database] });
    proxy.disconnect();
    await until(() => ours.peek('ns/a') === undefined && ours.health() === undefined);
    expect(await ours.get('ns/a')).toBeUndefined();
    expect(await ours.put(document(5))).toMatch(/^1-/);
    expect(await ours.count({ type: 'action', namespace: 'ns', skip: 0 })).toBe(1);
  });

  test('a database that somebody else has removed and made again is not taken for the old one', async () => {
    const ours = await open(proxy.url, undefined, 5_000);
    await ours.put(document(1));
    await keep(ours);
    proxy.fault = ({ path }) => (path.includes('_changes') ? { delayMs: 300 } : 'pass');
    const client = new CouchClient(couchAddress(address));
    closing.push(() => client.close());
    await client.request({ method: 'DELETE', path: [database] });
    const theirs = await open(address);
    for (let i = 0; i < 9; i++) await theirs.put({ ...document(1), _id: `ns/${i}`, name: `${i}` });
    await until(() => ours.peek('ns/a') === undefined);
    expect(await ours.get('ns/a')).toBeUndefined();
  });
});
