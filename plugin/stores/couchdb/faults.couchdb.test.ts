import { inspect } from 'node:util';
import { Access, CouchClient, type CouchSettings } from '@dataflower/common/couchdb';
import {
  couchAddress,
  describeWithService,
  dropDatabases,
  newPrefix,
  type Fault,
  type FaultProxy,
  startFaultProxy,
} from '@dataflower/services';
import { ConflictError, DocumentRefusedError, type EntityStore, StoreUnavailableError } from '../entity-store.js';
import { openCouchEntityStore } from './couch-entity-store.js';

const SECRET_TEXT = 'what-a-document-says';
const document = (updated: number, more: object = {}) => ({
  _id: 'ns/a',
  entityType: 'action',
  namespace: 'ns',
  name: 'a',
  updated,
  ...more,
});
const code = { name: 'codefile', contentType: 'text/plain', data: Buffer.from('code') };

describeWithService('couchdb', 'Entities in a CouchDB that fails', ({ address }) => {
  const prefix = newPrefix();
  let proxy: FaultProxy;
  let direct: CouchClient;
  let clients: CouchClient[];
  let stores: EntityStore[];
  let opened = 0;
  let database: string;

  beforeEach(async () => {
    proxy = await startFaultProxy(address);
    direct = new CouchClient(couchAddress(address));
    clients = [direct];
    stores = [];
    database = `${prefix}${++opened}`;
  });
  afterEach(async () => {
    proxy.fault = () => 'pass';
    await Promise.all(stores.map((store) => store.close()));
    await Promise.all(clients.map((client) => client.close()));
    await proxy.close();
  });
  afterAll(() => dropDatabases(address, prefix));

  const open = async (more: Partial<CouchSettings> = {}, through = proxy.url): Promise<EntityStore> => {
    // A client that was refused asks again after a moment, not after minutes.
    const access = new Access(() => performance.now() * 1e6);
    const client = new CouchClient({ ...couchAddress(through), timeoutMs: 60_000, access, ...more });
    clients.push(client);
    const store = await openCouchEntityStore({ client, database, maxStaleMs: 60_000, pollMs: 500 });
    stores.push(store);
    return store;
  };
  /** The next requests that write fare so, all others pass. */
  const writesFare = (...faults: Fault[]): void => {
    proxy.asked.length = 0;
    proxy.fault = ({ method }) => (method === 'GET' ? 'pass' : (faults.shift() ?? 'pass'));
  };
  const documentsFare = (fault: Fault): void => {
    proxy.asked.length = 0;
    proxy.fault = ({ path }) => (path.includes('ns%2F') ? fault : 'pass');
  };
  const askedForDocuments = (): string[] =>
    proxy.asked.filter(({ path }) => path.includes('ns%2F')).map(({ method }) => method);

  test('one PUT is one request, a GET before it one more; what is kept is known from the GET', async () => {
    const store = await open();
    proxy.asked.length = 0;
    const first = await store.put(document(1), code);
    expect(askedForDocuments()).toEqual(['PUT']);
    await store.put({ ...(await store.get('ns/a'))!, updated: 2 }, 'keep');
    expect(askedForDocuments()).toEqual(['PUT', 'GET', 'PUT']);
    const third = await store.put({ ...(await store.get('ns/a'))!, updated: 3 }, 'keep');
    expect((await store.attachment('ns/a', third, 'codefile'))?.toString()).toBe('code');
    expect(first).not.toBe(third);
  });

  test('a write whose answer was lost is known as its own, and made once', async () => {
    const store = await open();
    writesFare('lose');
    const rev = await store.put(document(1), code);
    expect(rev).toMatch(/^1-/);
    expect(askedForDocuments()).toEqual(['PUT', 'PUT', 'GET']);
    writesFare('lose');
    const second = await store.put(document(2, { _rev: rev }), 'keep');
    expect(second).toMatch(/^2-/);
    writesFare('lose');
    await store.delete('ns/a', second);
    expect(await store.get('ns/a')).toBeUndefined();
  });

  test('a write whose answer was lost does not take the place of another one', async () => {
    const store = await open();
    const other = await open({}, address);
    const rev = await store.put(document(1));
    writesFare('refuse');
    const passing = proxy.fault;
    proxy.fault = (asked) => {
      if (asked.method === 'PUT' && proxy.asked.filter(({ method }) => method === 'PUT').length === 2) return 409;
      return passing(asked);
    };
    const theirs = await other.put(document(2, { _rev: rev, by: 'other' }));
    await expect(store.put(document(2, { _rev: rev, by: 'us' }))).rejects.toBeInstanceOf(ConflictError);
    expect(await other.get('ns/a')).toMatchObject({ _rev: theirs, by: 'other' });
    writesFare('refuse');
    await expect(store.delete('ns/a', rev)).rejects.toBeInstanceOf(ConflictError);
  });

  test.each([['refuse'], ['lose'], ['cut'], [500], [503], [429], [{ delayMs: 50 }]] as [Fault][])(
    '%p once or twice is not noticed',
    async (fault) => {
      const store = await open();
      writesFare(fault, fault);
      const rev = await store.put(document(1));
      expect(rev).toMatch(/^1-/);
      let left = 2;
      proxy.fault = ({ path }) => (path.includes('ns%2F') && left-- > 0 ? fault : 'pass');
      expect(await store.get('ns/a')).toMatchObject({ _rev: rev });
      expect(store.health()).toBeUndefined();
    },
  );

  test.each([
    ['refuse', /cannot be reached/],
    ['silence', /no answer within \d+ ms/],
    [503, /answers 503/],
    [401, /does not let us in, 401 .*couchdb\.username/],
    [{ answer: '<html>', type: 'text/html', cut: true }, /answers 200 with text\/html instead of JSON/],
    [{ answer: '{"_id":', type: 'application/json', cut: true }, /incomplete/],
    [{ answer: 'no', type: 'text/plain', status: 502, cut: true }, /answers 502/],
  ] as [Fault, RegExp][])(
    '%p for good fails in time, says why, and is forgotten when it is over',
    async (fault, why) => {
      const store = await open(fault === 'silence' ? { timeoutMs: 5_000 } : {});
      await store.put(document(1, { secret: SECRET_TEXT }));
      documentsFare(fault);
      const attempts = [
        store.get('ns/a'),
        store.put(document(2, { secret: SECRET_TEXT }), code),
        store.delete('ns/a', '1-0123456789abcdef0123456789abcdef'),
      ];
      const settled = await Promise.allSettled(attempts);
      const password = couchAddress(address).password ?? 'no password';
      for (const { reason } of settled as PromiseRejectedResult[]) {
        expect(reason).toBeInstanceOf(StoreUnavailableError);
        expect((reason as Error).message).toMatch(why);
        const everything = inspect(reason, { depth: null, showHidden: true });
        expect(everything).not.toContain(SECRET_TEXT);
        expect(everything).not.toContain(password);
        expect(everything).not.toMatch(/authorization/i);
      }
      if (fault === 401) expect(askedForDocuments().length).toBeLessThanOrEqual(3);
      proxy.fault = () => 'pass';
      expect(await store.get('ns/a')).toMatchObject({ updated: 1 });
      await store.put({ ...(await store.get('ns/a'))!, updated: 2 });
      expect(store.health()).toBeUndefined();
    },
  );

  test('a disk that is full shows in the health, though reads succeed', async () => {
    const store = await open({ retries: 0 });
    writesFare({ answer: '{"error":"file_error","reason":"enospc"}', type: 'application/json', status: 500 });
    await expect(store.put(document(1))).rejects.toThrow(/file_error: enospc/);
    await store.get('ns/a');
    expect(store.health()).toMatch(/enospc/);
    await store.put(document(1));
    expect(store.health()).toBeUndefined();
  });

  test('what CouchDB takes from nobody is refused as such', async () => {
    const store = await open();
    writesFare({ answer: '{"error":"document_too_large","reason":"ns/a"}', type: 'application/json', status: 413 });
    await expect(store.put(document(1))).rejects.toMatchObject({
      name: 'DocumentRefusedError',
      code: 'DOCUMENT_TOO_LARGE',
    });
    writesFare({
      answer: '{"error":"bad_request","reason":"invalid UTF-8 JSON"}',
      type: 'application/json',
      status: 400,
    });
    await expect(store.put(document(1))).rejects.toBeInstanceOf(DocumentRefusedError);
    expect(store.health()).toBeUndefined();
  });

  test('no more wait than may', async () => {
    const store = await open({ maxRequests: 20, connections: 4, timeoutMs: 5_000 });
    documentsFare('silence');
    const results = await Promise.allSettled(Array.from({ length: 50 }, () => store.get('ns/a')));
    const messages = results.map((result) => String((result as PromiseRejectedResult).reason));
    expect(messages.filter((message) => message.includes('More than 20 requests wait')).length).toBeGreaterThanOrEqual(
      30,
    );
    proxy.fault = () => 'pass';
    expect(await store.get('ns/a')).toBeUndefined();
  });

  test('a database that has gone is no answer that an entity has', async () => {
    const store = await open();
    await store.put(document(1));
    proxy.fault = ({ path }) => (path.includes('_changes') ? 'silence' : 'pass');
    await direct.request({ method: 'DELETE', path: [database] });
    await expect(store.get('ns/a')).rejects.toBeInstanceOf(StoreUnavailableError);
    await expect(store.put(document(1))).rejects.toBeInstanceOf(StoreUnavailableError);
    expect(store.health()).toMatch(/database is missing/);
  });
});
