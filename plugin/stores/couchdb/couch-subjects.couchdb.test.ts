import { CouchClient, CouchDatabase, type CouchDocument } from '@dataflower/common/couchdb';
import { until } from '@dataflower/common/testing';
import {
  couchAddress,
  describeWithService,
  dropDatabases,
  type FaultProxy,
  newPrefix,
  startFaultProxy,
} from '@dataflower/services';
import { Authenticator } from '../../auth/authenticator.js';
import { authorizationOf } from '../../auth/identity.js';
import { guestOf, Subjects } from '../../auth/subjects.js';
import { CouchSubjects } from './couch-subjects.js';

const KEY = 'k'.repeat(64);
const basic = (uuid: string, key = KEY): string => `Basic ${Buffer.from(`${uuid}:${key}`).toString('base64')}`;

describeWithService('couchdb', 'Users in CouchDB', ({ address }) => {
  const prefix = newPrefix();
  let opened = 0;
  let database: CouchDatabase;
  let client: CouchClient;
  let proxy: FaultProxy;
  let closing: (() => Promise<void>)[];
  beforeEach(async () => {
    proxy = await startFaultProxy(address);
    client = new CouchClient(couchAddress(address));
    database = new CouchDatabase(client, `${prefix}${++opened}`);
    closing = [() => client.close(), () => proxy.close()];
  });
  afterEach(async () => {
    proxy.fault = () => 'pass';
    for (const close of closing.reverse()) await close();
  });
  afterAll(() => dropDatabases(address, prefix));

  const open = async (at = address): Promise<Subjects> => {
    const own = new CouchClient({ ...couchAddress(at), timeoutMs: 60_000 });
    const store = new CouchSubjects({ client: own, database: database.name, ownsClient: true, pollMs: 500 });
    closing.push(() => store.close());
    return Subjects.open(store);
  };

  test('of many processes that start at once one makes the guest, and all have the same key', async () => {
    const processes = await Promise.all(Array.from({ length: 5 }, () => open()));
    const guests = await Promise.all(processes.map((subjects) => guestOf(subjects, false)));
    expect(new Set(guests.map(authorizationOf)).size).toBe(1);
    expect(guests[0]!.key).toMatch(/^[A-Za-z0-9]{64}$/);
    const again = await guestOf(await open(), false);
    expect(authorizationOf(again)).toBe(authorizationOf(guests[0]!));
  });

  test('are kept in the form that OpenWhisk gives them', async () => {
    const added = (await (await open()).add('ann'))!;
    expect(await database.get('ann')).toEqual({
      _id: 'ann',
      _rev: expect.any(String),
      subject: 'ann',
      namespaces: [{ name: 'ann', uuid: added.uuid, key: added.key }],
    });
  });

  test('that OpenWhisk has written are known: several namespaces, blocked ones, and documents of other kinds', async () => {
    const subjects = await open();
    const authenticator = new Authenticator(subjects);
    await database.put({ _id: 'ann/limits', invocationsPerMinute: 5 } as CouchDocument);
    await database.put({ _id: 'old', subject: 'old', uuid: 'u9', key: KEY } as CouchDocument);
    await database.put({
      _id: 'ann',
      subject: 'ann',
      namespaces: [
        { name: 'first', uuid: 'u1', key: KEY },
        { name: 'ann', uuid: 'u2', key: KEY },
      ],
    } as CouchDocument);
    await until(() => subjects.find('u2'));
    expect(authenticator.authenticate(basic('u1'))).toEqual({
      namespace: 'first',
      subject: 'ann',
      uuid: 'u1',
      key: KEY,
    });
    expect(subjects.named('ann')).toMatchObject({ namespace: 'ann', uuid: 'u2' });
    expect(
      subjects
        .list()
        .map(({ namespace }) => namespace)
        .sort(),
    ).toEqual(['ann', 'first']);
    expect((await open()).list()).toHaveLength(2);

    await database.put({ ...(await database.get('ann'))!, blocked: true } as CouchDocument);
    await until(() => subjects.find('u1') === undefined);
    expect(authenticator.authenticate(basic('u1'))).toBe('invalid');
    await database.put({ ...(await database.get('ann'))!, blocked: false } as CouchDocument);
    await until(() => subjects.find('u1'));
    const { _id: id, _rev: rev } = (await database.get('ann'))!;
    await database.remove(id, rev!);
    await until(() => subjects.list().length === 0);
  });

  test('made by one process are known to the others, and a taken name is taken', async () => {
    const [ours, theirs] = [await open(), await open()];
    const added = (await theirs.add('bob'))!;
    expect(await ours.add('bob')).toBeUndefined();
    expect(ours.named('bob')).toEqual(added);
    const many = await Promise.all([ours, theirs, ours, theirs].map((subjects) => subjects.add('eve')));
    expect(many.filter((caller) => caller !== undefined)).toHaveLength(1);
    await until(() => ours.named('eve') && theirs.named('eve'));
    expect(ours.named('eve')).toEqual(theirs.named('eve'));
  });

  test('stay known while CouchDB is away; new ones come with it', async () => {
    const ours = await open(proxy.url);
    const ann = (await ours.add('ann'))!;
    proxy.fault = () => 'refuse';
    proxy.disconnect();
    await expect(ours.add('bob')).rejects.toThrow(/cannot be reached/);
    expect(ours.find(ann.uuid)).toEqual(ann);
    const bob = (await (await open()).add('bob'))!;
    proxy.fault = () => 'pass';
    await until(() => ours.find(bob.uuid));
  });

  test('of a database that was removed are gone with it', async () => {
    const ours = await open(proxy.url);
    const ann = (await ours.add('ann'))!;
    await until(() => ours.find(ann.uuid));
    await client.request({ method: 'DELETE', path: [database.name] });
    proxy.disconnect();
    await until(() => ours.find(ann.uuid) === undefined);
  });
});
