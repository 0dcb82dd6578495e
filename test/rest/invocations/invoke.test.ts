import { send } from '@dataflower/common/testing';
import { startTestServer, type TestServer } from '@dataflower/dataflower/testing';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await server.action('echo');
});
beforeEach(() => {
  server.host.script = () => ({});
  server.host.messages.length = 0;
});
afterAll(() => server.close());

const invoke = (query: string, body?: unknown, sent = {}) => server.call('POST', `actions/echo${query}`, body, sent);
const payload = () => JSON.parse(server.host.messages.at(-1)!.payload.toString());
const BOTH = '?blocking=true&result=true';

test('a non-blocking invocation is accepted with its id', async () => {
  for (const query of ['', '?blocking=false', '?result=true', '?']) {
    const { status, json, headers } = await invoke(query, { a: 1 });
    expect(status).toBe(202);
    expect(json).toEqual({ activationId: expect.stringMatching(/^[0-9a-f]{32}$/) });
    expect(headers['x-openwhisk-activation-id']).toBe(json.activationId);
  }
});

test('a blocking one is answered with the record, or the result alone', async () => {
  const { status, json, headers } = await invoke('?blocking=true', { a: 1 });
  expect(status).toBe(200);
  expect(json).toMatchObject({
    name: 'echo',
    namespace: 'guest',
    subject: 'guest',
    version: '0.0.1',
    publish: false,
    response: { status: 'success', success: true, result: { a: 1 } },
  });
  expect(headers['x-openwhisk-activation-id']).toBe(json.activationId);
  expect(await invoke(BOTH, { a: 1 })).toMatchObject({ status: 200, json: { a: 1 } });
  expect(await invoke('?blocking=on&result=no', {})).toMatchObject({ status: 200, json: { response: {} } });
});

test.each([
  [1, 502],
  [2, 502],
  [3, 500],
] as const)('outcome %i is answered with %i, record or result in the body', async (status, http) => {
  server.host.script = () => ({ status, result: '{"error":"no"}' });
  expect(await invoke('?blocking=true', {})).toMatchObject({
    status: http,
    json: { response: { result: { error: 'no' }, success: false } },
  });
  expect(await invoke(BOTH, {})).toMatchObject({
    status: http,
    json: { error: 'no' },
    headers: { 'x-openwhisk-activation-id': expect.any(String) },
  });
});

test('an array result is answered bare', async () => {
  server.host.script = () => ({ result: '[1,2]' });
  expect(await invoke('?blocking=true', {})).toMatchObject({ status: 200, json: [1, 2] });
});

test('a blocking call gets 202 after its timeout, and the activation continues', async () => {
  server.host.script = () => 'held';
  const { status, json } = await invoke('?blocking=true&timeout=20', {});
  expect(status).toBe(202);
  server.host.release();
  await new Promise((resolve) => setImmediate(resolve));
  expect(await server.call('GET', `activations/${json.activationId}`)).toMatchObject({ status: 200 });
  for (const timeout of ['0', '60001', 'x', '-1', '1.5']) {
    expect((await invoke(`?blocking=true&timeout=${timeout}`, {})).json.error).toBe(
      "The query parameter 'timeout' was malformed:\nTimeout must be number of milliseconds up to 60000.",
    );
  }
  expect((await invoke('?blocking=perhaps', {})).status).toBe(400);
});

test('a body is an object or nothing', async () => {
  expect(await invoke(BOTH)).toMatchObject({ status: 200, json: {} });
  expect(await invoke(BOTH, '', { headers: { 'content-type': '', 'content-length': '0' } })).toMatchObject({
    status: 200,
    json: {},
  });
  for (const body of ['[1]', '1', 'null', '"x"'])
    expect((await invoke('', body)).json.error).toBe('The request content was malformed:\nJSON object expected');
  expect((await invoke('', '{"a":')).json.error).toMatch(/^The request content was malformed:\n./);
  expect((await invoke('', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).status).toBe(400);
  expect(await invoke('', 'a=1', { headers: { 'content-type': 'application/x-www-form-urlencoded' } })).toMatchObject({
    status: 415,
  });
  expect(await invoke('', { a: 'x'.repeat(1_048_576) })).toMatchObject({
    status: 413,
    json: { error: 'Request larger than allowed: 1048584 > 1048576 bytes.' },
  });
  expect((await invoke(BOTH, { a: 'x'.repeat(1_048_500) })).status).toBe(200);
  expect(server.host.messages.length).toBe(3);
});

test('checks are made in OpenWhisk’s order', async () => {
  const post = (path: string, sent = {}) =>
    send(server.url, 'POST', `/api/v1/namespaces/${path}`, { auth: server.auth, body: '[', ...sent });
  expect((await post('bob/actions/-', { auth: 'a:b' })).status).toBe(401);
  expect((await post('bob/actions/-')).json.error).toBe('The name of the entity contains illegal characters.');
  expect((await post('bob/actions/x')).json.error).toBe(
    "The supplied authentication is not authorized to access 'bob/x'.",
  );
  expect((await post('_/actions/none')).status).toBe(400);
  expect((await post('_/actions/none', { body: '{}' })).json.error).toBe('The requested resource does not exist.');
  expect((await post('_/actions/pkg/a', { body: '{}' })).status).toBe(404);
  expect((await post('guest/actions/echo', { body: '{}' })).status).toBe(202);
  expect((await post('_/actions/', { body: '{}' })).status).toBe(404);
});

test('a final action refuses bound parameters in a payload, except those bound to null', async () => {
  await server.action('final', {
    parameters: [
      { key: 'a', value: 1 },
      { key: 'b', value: null },
    ],
    annotations: [{ key: 'final', value: true }],
  });
  const call = (body: object) => server.call('POST', 'actions/final?blocking=true', body);
  expect(await call({ a: 2 })).toMatchObject({
    status: 400,
    json: { error: 'Request defines parameters that are not allowed (e.g., reserved properties).' },
  });
  expect((await call({ b: 2, c: 3 })).status).toBe(200);
});

test('the paradigm is the header’s, else the annotation’s', async () => {
  await server.action('step', { annotations: [{ key: 'dataflower-paradigm', value: 'controlflow' }] });
  const paradigm = async (name: string, headers = {}) => {
    const { json } = await server.call(
      'POST',
      `actions/${name}?blocking=true`,
      {},
      { headers: { 'content-type': 'application/json', ...headers } },
    );
    return json.error ?? server.host.messages.at(-1)!.paradigm;
  };
  expect(await paradigm('echo')).toBe('dataflow');
  expect(await paradigm('step')).toBe('controlflow');
  expect(await paradigm('step', { 'x-dataflower-paradigm': 'dataflow' })).toBe('dataflow');
  expect(await paradigm('echo', { 'x-dataflower-paradigm': 'x' })).toBe(
    "The header X-Dataflower-Paradigm must be 'dataflow' or 'controlflow', not \"x\".",
  );
});

test('the payload reaches the host as it was sent', async () => {
  await invoke('?blocking=true', '{"b": 1e3, "a": "ü"}');
  expect(server.host.messages.at(-1)).toMatchObject({
    paradigm: 'dataflow',
    identity: { namespace: 'guest', subject: 'guest' },
    transactionId: expect.any(String),
  });
  expect(server.host.messages.at(-1)!.payload.toString()).toBe('{"b": 1e3, "a": "ü"}');
  expect(payload()).toEqual({ b: 1000, a: 'ü' });
});

test('new invocations are refused with 503 while records are full', async () => {
  server.records.full = true;
  expect(await invoke('', {})).toMatchObject({
    status: 503,
    headers: { 'retry-after': expect.stringMatching(/^\d+$/) },
    json: {
      error:
        'The server is currently unavailable (because it is overloaded or down for maintenance). There is no room for activation records: their disk is full, or what they may take of it.',
    },
  });
  server.records.full = false;
  expect((await invoke('', {})).status).toBe(202);
});

test('a failing host is an internal error, and its call is not counted as in flight', async () => {
  server.host.script = () => {
    throw new Error('secret');
  };
  expect(await invoke('?blocking=true', {})).toMatchObject({
    status: 500,
    json: { error: 'There was an internal server error.' },
  });
});
