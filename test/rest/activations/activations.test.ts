import { startTestServer, type TestServer } from '@dataflower/dataflower/testing';

let server: TestServer;
let ids: string[];
beforeAll(async () => {
  server = await startTestServer();
  for (const name of ['one', 'two']) await server.action(name);
  server.host.script = ({ target }) =>
    target.action.name === 'two' ? { status: 1, result: '{"error":"no"}', logs: ['a line'] } : {};
  ids = [];
  for (const name of ['one', 'two', 'one'])
    ids.push((await server.call('POST', `actions/${name}?blocking=true`, { n: ids.length })).json.activationId);
});
afterAll(() => server.close());

const list = async (query = '') => (await server.call('GET', `activations${query}`)).json;

test('activations are listed newest first, with the status as a number', async () => {
  const items = await list();
  expect(items.map((item: { activationId: string }) => item.activationId)).toEqual([...ids].reverse());
  expect(Object.keys(items[1]).sort()).toEqual([
    'activationId',
    'annotations',
    'duration',
    'end',
    'name',
    'namespace',
    'publish',
    'start',
    'statusCode',
    'version',
  ]);
  expect(items[1]).toMatchObject({ name: 'two', namespace: 'guest', publish: false, statusCode: 1, version: '0.0.1' });
});

test('the list is filtered, paged and counted', async () => {
  expect(await list('?name=one')).toHaveLength(2);
  expect(await list('?limit=1&skip=2')).toMatchObject([{ activationId: ids[0] }]);
  expect(await list('?count=true&name=two')).toEqual({ activations: 1 });
  expect(await list(`?upto=${Date.now() - 100_000}`)).toEqual([]);
  expect(await list(`?since=${Date.now() - 100_000}`)).toHaveLength(3);
  expect(await list('?since=-1&upto=9223372036854775807')).toHaveLength(3);
  expect(await list('?name=&docs=&count=')).toHaveLength(3);
  expect(await list('?upto=-1')).toEqual([]);
  expect((await list('?docs=true&limit=0'))[1]).toMatchObject({
    logs: ['a line'],
    response: { result: { error: 'no' }, status: 'application error', success: false },
  });
});

test.each([
  [
    'name=a/b/c',
    "The query parameter 'name' was malformed:\nParameter may be a 'simple' name or 'package-name/simple' name: a/b/c",
  ],
  ['since=x', "The query parameter 'since' was malformed:\nParameter is not a valid value for epoch seconds: x"],
  ['since=', "The query parameter 'since' was malformed:\nParameter is not a valid value for epoch seconds: "],
  ['skip=', "The query parameter 'skip' was malformed:\nThe value '' is not an integer for activations."],
  ['upto=1.5', "The query parameter 'upto' was malformed:\nParameter is not a valid value for epoch seconds: 1.5"],
  [
    'upto=9223372036854775808',
    "The query parameter 'upto' was malformed:\nParameter is not a valid value for epoch seconds: 9223372036854775808",
  ],
  ['docs=true&count=true', "The parameter 'docs' is not permitted with 'count'."],
  [
    'limit=201',
    "The query parameter 'limit' was malformed:\nThe value '201' is not in the range of 0 to 200 for activations.",
  ],
])('a wrong query is refused: %s', async (query, error) => {
  expect(await server.call('GET', `activations?${query}`)).toMatchObject({ status: 400, json: { error } });
});

test('a record, its result and its logs can be read', async () => {
  const [, id] = ids;
  const record = (await server.call('GET', `activations/${id!}`)).json;
  expect(record).toMatchObject({
    activationId: id,
    subject: 'guest',
    logs: ['a line'],
    response: { status: 'application error', success: false, result: { error: 'no' } },
  });
  expect((await server.call('GET', `activations/${id!}/result`)).json).toEqual(record.response);
  expect((await server.call('GET', `activations/${id!}/logs/`)).json).toEqual({ logs: ['a line'] });
});

test('invalid ids and unknown ids have different errors', async () => {
  expect((await server.call('GET', 'activations/abc')).json.error).toBe('Activation id length is 3 but must be 32.');
  expect((await server.call('GET', `activations/${'G'.repeat(32)}`)).json.error).toBe(
    'The activation id is not valid.',
  );
  expect(await server.call('GET', `activations/${'a'.repeat(32)}`)).toMatchObject({
    status: 404,
    json: { error: 'The requested resource does not exist.' },
  });
  expect((await server.call('PUT', `activations/${ids[0]!}`)).status).toBe(404);
  expect((await server.call('DELETE', `activations/${ids[0]!}/logs`)).status).toBe(404);
});

test('a listing reads no result and no log that it does not show, and the whole records one after the other', async () => {
  const { records } = server;
  const asked: { readonly brief: unknown }[] = [];
  const [list, get] = [records.list.bind(records), records.get.bind(records)];
  let open = 0;
  let most = 0;
  records.list = (filter, skip, limit, brief?: boolean) => {
    asked.push({ brief });
    return list(filter, skip, limit);
  };
  records.get = async (namespace, id) => {
    most = Math.max(most, ++open);
    await new Promise((resolve) => setImmediate(resolve));
    open--;
    return get(namespace, id);
  };
  try {
    await server.call('GET', 'activations');
    const full = (await server.call('GET', 'activations?docs=true')).json;
    expect(asked).toEqual([{ brief: true }, { brief: true }]);
    expect(most).toBe(1);
    expect(full.map((item: { activationId: string }) => item.activationId)).toEqual([...ids].reverse());
    expect(full[1]).toMatchObject({ logs: ['a line'], response: { success: false, result: { error: 'no' } } });
  } finally {
    Object.assign(records, { list, get });
  }
});
