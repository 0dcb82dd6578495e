import { rm } from 'node:fs/promises';
import { temporaryDirectory } from '@dataflower/common/testing';
import { CachedStore } from './cached-store.js';
import { entityStoreContract } from './testing/entity-store-contract.js';
import { openEmbeddedStore } from './embedded/embedded-store.js';
import { type EntityStore, type StoredDocument, type StoreEvents, StoreUnavailableError } from './entity-store.js';

const directories: string[] = [];
const open = async (): Promise<EntityStore> => {
  const directory = await temporaryDirectory();
  directories.push(directory);
  return openEmbeddedStore(directory);
};
afterAll(() => Promise.all(directories.map((directory) => rm(directory, { recursive: true }))));

entityStoreContract('The embedded store', open);
entityStoreContract('The cached store', async () => new CachedStore(await open()));

const document = (updated: number): StoredDocument => ({
  _id: 'ns/a',
  entityType: 'action',
  namespace: 'ns',
  name: 'a',
  updated,
});

test('what was written is there after the store is opened again, listings and attachments too', async () => {
  const first = await open();
  const rev = await first.put(document(1), {
    name: 'codefile',
    contentType: 'text/plain',
    data: Buffer.alloc(100_000, 'x'),
  });
  await first.close();
  const again = await openEmbeddedStore(directories.at(-1)!);
  expect(await again.get('ns/a')).toEqual({ ...document(1), _rev: rev });
  expect(await again.count({ type: 'action', namespace: 'ns', skip: 0 })).toBe(1);
  expect((await again.attachment('ns/a', rev, 'codefile'))?.length).toBe(100_000);
  await again.close();
});

test('many documents are all there after the store is opened again', async () => {
  const first = await open();
  const ids = Array.from({ length: 120 }, (_, i) => `ns/a${i}`);
  for (const id of ids) await first.put({ ...document(1), _id: id, name: id.slice(3) });
  await first.close();
  const again = await openEmbeddedStore(directories.at(-1)!);
  const listed = await again.list({ type: 'action', namespace: 'ns', skip: 0, limit: 200 });
  expect(listed.map(({ _id }) => _id).sort()).toEqual([...ids].sort());
  await again.close();
});

test('a directory is opened once', async () => {
  const first = await open();
  await expect(openEmbeddedStore(directories.at(-1)!)).rejects.toThrow(/lock/i);
  await first.close();
});

test('a read that a write overtakes is not kept', async () => {
  const store = await open();
  await store.put(document(1));
  let release = (): void => undefined;
  const slow = delegating(store, {
    get: async (id) => {
      const found = await store.get(id);
      await new Promise<void>((resolve) => (release = resolve));
      return found;
    },
  });
  const cached = new CachedStore(slow);
  const reading = cached.get('ns/a');
  await new Promise((resolve) => setImmediate(resolve));
  while (String(release).includes('undefined')) await new Promise((resolve) => setImmediate(resolve));
  const { _rev } = (await store.get('ns/a'))!;
  await cached.put({ ...document(2), _rev: _rev! });
  release();
  expect((await reading)?.updated).toBe(1);
  expect(cached.peek('ns/a')).toBeUndefined();
  await store.close();
});

test('a second read is answered from memory, until a write', async () => {
  const store = await open();
  const cached = new CachedStore(store);
  const rev = await cached.put(document(1));
  await cached.get('ns/a');
  expect(cached.peek('ns/a')?._rev).toBe(rev);
  const { version } = cached;
  await cached.delete('ns/a', rev);
  expect(cached.peek('ns/a')).toBeUndefined();
  expect(cached.version).toBeGreaterThan(version);
  await cached.close();
});

/** A store that behaves like another one but for some methods. */
function delegating(store: EntityStore, methods: Partial<EntityStore>): EntityStore {
  return {
    get: (...given) => store.get(...given),
    put: (...given) => store.put(...given),
    delete: (...given) => store.delete(...given),
    list: (...given) => store.list(...given),
    each: (...given) => store.each(...given),
    count: (...given) => store.count(...given),
    attachment: (...given) => store.attachment(...given),
    hold: (...given) => store.hold(...given),
    health: () => store.health(),
    close: () => store.close(),
    ...methods,
  };
}

/** A store that other processes write too: the test reports their changes. */
async function shared(): Promise<{ store: EntityStore; events: StoreEvents; cached: CachedStore }> {
  const store = await open();
  let events: StoreEvents | undefined;
  const watched = delegating(store, { watch: (watcher) => (events = watcher) });
  const cached = new CachedStore(watched);
  return { store, events: events!, cached };
}

test('what another node of the store still has is not kept once a later revision was heard of', async () => {
  const { events, cached } = await shared();
  const rev = await cached.put(document(1));
  events.changed('ns/a', '2-somebody-else');
  expect((await cached.get('ns/a'))?._rev).toBe(rev);
  expect(cached.peek('ns/a')).toBeUndefined();
  events.reset();
  await cached.get('ns/a');
  expect(cached.peek('ns/a')?._rev).toBe(rev);
  events.changed('ns/a', rev);
  expect(cached.peek('ns/a')?._rev).toBe(rev);
  await cached.close();
});

test('a write that may have failed leaves what is in memory only where the news will tell', async () => {
  for (const [watched, kept] of [
    [await shared(), true],
    [{ store: await open() }, false],
  ] as const) {
    const { store } = watched;
    const cached = 'cached' in watched ? watched.cached : new CachedStore(store);
    const rev = await cached.put(document(1));
    await cached.get('ns/a');
    const { version } = cached;
    store.put = () => Promise.reject(new StoreUnavailableError(new Error('it is away')));
    await expect(cached.put(document(2))).rejects.toThrow('The store cannot be used now: it is away');
    expect(cached.peek('ns/a')?._rev).toBe(kept ? rev : undefined);
    expect(cached.version === version).toBe(kept);
    await cached.close();
  }
});
