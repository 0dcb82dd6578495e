import { createRequire } from 'node:module';
import { startTestServer, type TestServer } from '../test-support/server.js';

/** It comes without types. */
type Client = ReturnType<typeof JSON.parse>;

/** The client that OpenWhisk's users have, as npm gives it. */
const openwhisk = createRequire(import.meta.url)('openwhisk') as (options: object) => Client;

let server: TestServer;
let client: Client;
beforeAll(async () => {
  server = await startTestServer();
  client = openwhisk({ apihost: server.url, api_key: server.auth });
});
afterAll(() => server.close());

test('actions are created, read, listed, updated and deleted', async () => {
  const created = await client.actions.create({
    name: 'a b',
    action: 'function main(x) { return x }',
    params: { p: 1 },
    annotations: { note: 'n' },
    limits: { timeout: 1000 },
  });
  expect(created).toMatchObject({
    namespace: 'guest',
    name: 'a b',
    version: '0.0.1',
    exec: { kind: 'nodejs:20' },
    limits: { timeout: 1000, memory: 256 },
  });
  await expect(client.actions.create({ name: 'a b', action: 'x' })).rejects.toMatchObject({
    statusCode: 409,
    error: { error: 'resource already exists', code: expect.any(String) },
  });
  expect(await client.actions.update({ name: 'a b', action: Buffer.from('PKxx') })).toMatchObject({
    version: '0.0.2',
    exec: { binary: true },
  });
  expect(await client.actions.get({ name: 'a b' })).toMatchObject({ parameters: [{ key: 'p', value: 1 }] });
  expect(await client.actions.list({ limit: 0 })).toMatchObject([{ name: 'a b' }]);
  expect(await client.actions.delete({ name: 'a b' })).toMatchObject({ name: 'a b' });
  await expect(client.actions.get('a b')).rejects.toMatchObject({
    statusCode: 404,
    message: expect.stringContaining('The requested resource does not exist.'),
  });
});

test('actions and sequences are invoked, and their activations read', async () => {
  await client.actions.create({ name: 'echo', action: 'function main(x) { return x }' });
  await client.actions.create({ name: 'seq', sequence: ['/_/echo', '/guest/echo'] });
  expect(await client.actions.invoke('echo')).toEqual({ activationId: expect.any(String) });
  expect(await client.actions.invoke({ name: 'echo', blocking: true, result: true, params: { a: 1 } })).toEqual({
    a: 1,
  });
  const { activationId } = await client.actions.invoke({ name: 'seq', blocking: true });
  expect(await client.activations.get(activationId)).toMatchObject({ name: 'seq', response: { success: true } });
  expect(await client.activations.result(activationId)).toMatchObject({ result: {}, success: true });
  expect(await client.activations.logs(activationId)).toEqual({ logs: [] });
  expect(await client.activations.list({ limit: 2 })).toHaveLength(2);
  await expect(client.actions.create({ name: 'bad', sequence: ['echo'] })).rejects.toMatchObject({ statusCode: 400 });
});

test('an action that fails is an error with the action’s own text', async () => {
  await client.actions.update({ name: 'failing', action: 'x' });
  server.host.script = () => ({ status: 1, result: '{"error":"my own"}' });
  await expect(client.actions.invoke({ name: 'failing', blocking: true })).rejects.toMatchObject({
    statusCode: 502,
    message: expect.stringContaining('my own'),
  });
  server.host.script = () => ({});
});

test('the other collections are empty', async () => {
  expect(await client.namespaces.list()).toEqual(['guest']);
  for (const collection of ['packages', 'triggers', 'rules']) expect(await client[collection].list()).toEqual([]);
  await expect(client.packages.get('x')).rejects.toMatchObject({ statusCode: 404 });
});
