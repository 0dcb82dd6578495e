import {
  couchAddress,
  describeWithService,
  dropDatabases,
  type FaultProxy,
  newPrefix,
  startFaultProxy,
} from '@dataflower/services';
import { CouchClient } from './couch-client.js';
import { CouchDatabase } from './couch-database.js';
import { samplesOf } from './metrics-text.js';
import { type MetricsDocument, MetricsWriter } from './metrics-writer.js';

const TEXT = `# HELP a_total Of a
# TYPE a_total counter
a_total 3
b{x="1 2",y="}"} -2.5e3 1700000000000
c_bucket{le="+Inf"} +Inf
d NaN
not a sample
`;

test('samples are read as Prometheus writes them, and no more than may', () => {
  const samples = { a_total: 3, 'b{x="1 2",y="}"}': -2500 };
  expect(samplesOf(TEXT, 10)).toEqual({ samples, left: 0 });
  expect(samplesOf(TEXT, 1)).toEqual({ samples: { a_total: 3 }, left: 1 });
  expect(samplesOf('', 1)).toEqual({ samples: {}, left: 0 });
});

describeWithService('couchdb', 'Metrics in CouchDB', ({ address }) => {
  const prefix = newPrefix();
  let opened = 0;
  let proxy: FaultProxy;
  let client: CouchClient;
  let database: CouchDatabase;
  let writers: MetricsWriter[];
  beforeEach(async () => {
    proxy = await startFaultProxy(address);
    client = new CouchClient({ ...couchAddress(proxy.url), timeoutMs: 10_000 });
    database = new CouchDatabase(client, `${prefix}${++opened}`);
    writers = [];
  });
  afterEach(async () => {
    await Promise.all(writers.map((writer) => writer.close()));
    await client.close();
    await proxy.close();
  });
  afterAll(() => dropDatabases(address, prefix));

  const start = (
    onError: (error: unknown) => void,
    now: () => number = Date.now,
    component = 'plugin',
  ): MetricsWriter => {
    const writer = new MetricsWriter({
      client,
      database: database.name,
      component,
      host: 'here',
      collect: () => Promise.resolve(TEXT),
      intervalMs: 20,
      keepMs: 60_000,
      onError,
      now,
    });
    writers.push(writer);
    return writer;
  };
  const documents = async (): Promise<MetricsDocument[]> => {
    const found: MetricsDocument[] = [];
    for await (const page of database.pages<MetricsDocument>(100)) found.push(...page);
    return found.filter(({ _id }) => !_id.startsWith('_'));
  };
  const until = async (holds: () => unknown): Promise<void> => {
    while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  const writes = (): number =>
    proxy.asked.filter(({ method, path }) => method === 'PUT' && path.includes('-plugin-')).length;

  test('each process writes its counters, in the order of time', async () => {
    start(() => undefined);
    start(() => undefined, Date.now, 'shim');
    await until(() => proxy.asked.filter(({ method }) => method === 'PUT').length > 8);
    await Promise.all(writers.map((writer) => writer.close()));
    const found = await documents();
    expect(new Set(found.map(({ component }) => component))).toEqual(new Set(['plugin', 'shim']));
    const { at, ...first } = found[0]!;
    expect(first).toMatchObject({ host: 'here', pid: process.pid, metrics: { a_total: 3 } });
    expect(found.map((document) => document.at)).toEqual(found.map((document) => document.at).sort((a, b) => a - b));
    expect(found[0]!._id.startsWith(new Date(at).toISOString())).toBe(true);
  });

  test('old ones are removed, whoever wrote them', async () => {
    let time = Date.parse('2026-01-01T00:00:00Z');
    start(
      () => undefined,
      () => time,
      'shim',
    );
    await until(() => proxy.asked.some(({ path }) => path.includes('-shim-')));
    await until(async () => (await documents()).length > 0);
    await writers[0]!.close();
    time += 3_600_000;
    start(
      () => undefined,
      () => time,
    );
    // To be asked for it is not to have done it.
    await until(async () => (await documents()).every(({ at }) => at > time - 60_000));
    await writers[1]!.close();
  });

  test('a database that was removed meanwhile is made again', async () => {
    start(() => undefined);
    await until(() => writes() > 1);
    // With a write under way the database would not stay removed.
    proxy.fault = () => 503;
    const before = proxy.asked.length;
    await until(() => proxy.asked.length > before + 3);
    await dropDatabases(address, database.name);
    proxy.fault = () => 'pass';
    const written = writes();
    await until(() => writes() > written + 1);
    await writers[0]!.close();
    expect(await database.get('_design/dataflower')).toBeDefined();
    expect((await documents()).length).toBeGreaterThan(0);
  });

  test('while CouchDB is away nothing waits and one error is told; then it goes on', async () => {
    const errors: unknown[] = [];
    start((error) => errors.push(error));
    await until(() => writes() > 1);
    proxy.fault = () => 503;
    const before = proxy.asked.length;
    await until(() => proxy.asked.length > before + 5);
    expect(errors).toHaveLength(1);
    proxy.fault = () => 'pass';
    const failed = writes();
    await until(() => writes() > failed + 1);
    expect(errors).toHaveLength(1);
    proxy.fault = () => 'silence';
    const silent = proxy.asked.length;
    await until(() => proxy.asked.length > silent);
    await writers[0]!.close();
  });
});
