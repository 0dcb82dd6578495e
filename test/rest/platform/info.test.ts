import { send } from '@dataflower/common/testing';
import { startTestServer, type TestServer } from '@dataflower/dataflower/testing';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({
    throttles: { invocationsPerMinute: 60, concurrentInvocations: 30, firesPerMinute: 60 },
  });
});
afterAll(() => server.close());

const get = (path: string, headers: Record<string, string> = {}) => send(server.url, 'GET', path, { headers });

test('the description of the server needs no key', async () => {
  expect(await get('/ping')).toMatchObject({ status: 200, text: 'pong' });
  const { json } = await get('/');
  expect(json).toMatchObject({
    description: 'OpenWhisk',
    api_paths: ['/api/v1'],
    limits: { actions_per_minute: 60, sequence_length: 50, max_action_memory: 536870912, max_action_duration: 300000 },
  });
  expect(json.runtimes.nodejs[0]).toMatchObject({
    kind: 'nodejs:20',
    default: true,
    deprecated: false,
    attached: true,
    requireMain: false,
  });
  for (const path of ['/api/v1', '/api/v1/']) {
    expect((await get(path)).json).toMatchObject({
      build: expect.any(String),
      buildno: expect.any(String),
      api_version: '1.0.0',
      swagger_paths: {},
    });
  }
  expect((await get('/api/v1/api-docs')).json.paths['/namespaces/{namespace}/actions/{actionName}'].post.summary).toBe(
    'Invoke an action',
  );
  expect((await get('/metrics')).text).toMatch(
    /dataflower_http_requests_total\{route="api",status="200"\} \d+[^]*echo_total/,
  );
});

test('callers can read their namespace and its limits', async () => {
  const api = (path: string) => send(server.url, 'GET', `/api/v1${path}`, { auth: server.auth });
  expect((await api('/namespaces')).json).toEqual(['guest']);
  expect((await api('/namespaces/')).json).toEqual(['guest']);
  expect((await api('/namespaces/guest')).status).toBe(404);
  const limits = {
    invocationsPerMinute: 60,
    concurrentInvocations: 30,
    firesPerMinute: 60,
    minActionMemory: 128,
    maxActionMemory: 512,
    minActionLogs: 0,
    maxActionLogs: 10,
    minActionTimeout: 100,
    maxActionTimeout: 300000,
    minActionConcurrency: 1,
    maxActionConcurrency: 1,
    maxParameterSize: '1048576 B',
    maxActionInstances: 30,
  };
  expect((await api('/namespaces/_/limits')).json).toEqual(limits);
  expect((await api('/namespaces/guest/limits')).json).toEqual(limits);
  expect((await api('/namespaces/bob/limits')).status).toBe(403);
});

test.each([
  ['/nowhere', 405, 'HTTP method not allowed, supported methods: OPTIONS'],
  ['/api/v2', 405, 'HTTP method not allowed, supported methods: OPTIONS'],
  ['/api/v1/nowhere', 401, 'The resource requires authentication, which was not supplied with the request'],
  ['/api/v1/web/guest/default/a.json', 404, 'The requested resource could not be found.'],
])('the unknown path %s is %i with an error body for who has no key', async (path, status, error) => {
  expect(await get(path)).toMatchObject({ status, json: { error, code: expect.any(String) } });
});

test('every reply names its request and allows any origin', async () => {
  const own = await get('/ping', { 'x-request-id': 'my-id_1' });
  expect(own.headers['x-request-id']).toBe('my-id_1');
  const denied = await get('/api/v1/namespaces', { 'x-request-id': 'mine' });
  expect(denied).toMatchObject({
    status: 401,
    json: { code: 'mine' },
    headers: { 'x-request-id': 'mine', 'access-control-allow-origin': '*' },
  });
  for (const id of ['sid_1', 'a b', 'x'.repeat(300)])
    expect((await get('/ping', { 'x-request-id': id })).headers['x-request-id']).toMatch(/^[0-9a-zA-Z]{32}$/);
  const options = await send(server.url, 'OPTIONS', '/api/v1/namespaces/_/actions/x');
  expect(options).toMatchObject({
    status: 200,
    text: 'OK',
    headers: {
      'access-control-allow-origin': '*',
      'access-control-allow-headers': 'Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent',
      'access-control-allow-methods': 'GET, DELETE, POST, PUT, HEAD',
    },
  });
});

test('an unknown Host header is refused', async () => {
  const { port } = server.server;
  for (const host of [`evil.example:${port}`, 'localhost.evil.example', '127.0.0.1.evil.example', 'me@localhost']) {
    expect(await get('/ping', { host })).toMatchObject({
      status: 403,
      json: { error: expect.stringContaining('Host') },
    });
  }
  for (const host of [
    `LOCALHOST:${port}`,
    `127.0.0.1:${port}`,
    `[::1]:${port}`,
    'localhost',
    '[::1]',
    'localhost:9000',
  ])
    expect((await get('/ping', { host })).status).toBe(200);
});
