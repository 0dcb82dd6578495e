import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { send, temporaryDirectory } from '@dataflower/common/testing';
import { startTestServer, type TestServer } from '@dataflower/dataflower/testing';
import { openEmbeddedStore } from '@dataflower/plugin/stores/embedded';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const exec = { kind: 'nodejs:20', code: 'function main(a){return a}' };
const put = (name: string, body: unknown) =>
  server.call('PUT', `actions/${encodeURIComponent(name)}?overwrite=true`, body);

test('names may have the characters that OpenWhisk allows, and no others', async () => {
  for (const name of ['a b', 'a@b.c&d-e', '_x', 'a'.repeat(256)])
    expect(await put(name, { exec })).toMatchObject({ status: 200, json: { name } });
  for (const name of ['a ', '-a', 'ä', 'a+b'])
    expect(await put(name, { exec })).toMatchObject({
      status: 400,
      json: { error: 'The name of the entity contains illegal characters.' },
    });
  expect((await put('a'.repeat(257), { exec })).json.error).toBe('Name segement longer than allowed: 257 > 256.');
  expect((await server.call('GET', 'actions/%zz')).status).toBe(400);
});

test('authentication and authorization are checked first', async () => {
  await server.action('hello');
  const path = '/api/v1/namespaces/_/actions/hello';
  expect(await send(server.url, 'GET', path)).toMatchObject({
    status: 401,
    headers: { 'www-authenticate': 'Basic realm="OpenWhisk secure realm",charset=UTF-8' },
    json: { error: 'The resource requires authentication, which was not supplied with the request' },
  });
  for (const auth of [`${server.auth}x`, 'a:b', server.auth.slice(0, -1)]) {
    expect(await send(server.url, 'GET', path, { auth })).toMatchObject({
      status: 401,
      json: { error: 'The supplied authentication is invalid' },
    });
  }
  const other = (method: string, rest: string) =>
    send(server.url, method, `/api/v1/namespaces/${rest}`, { auth: server.auth });
  expect(await other('GET', 'bob/actions/x')).toMatchObject({
    status: 403,
    json: { error: "The supplied authentication is not authorized to access 'bob/x'." },
  });
  expect(await other('GET', 'bob/actions')).toMatchObject({
    status: 403,
    json: { error: "The supplied authentication is not authorized to access 'bob'." },
  });
  expect(await other('GET', 'guest/actions/hello')).toMatchObject({ status: 200 });
  expect(await other('GET', 'b%C3%B6b/actions/x')).toMatchObject({
    status: 400,
    json: { error: 'The namespace contains illegal characters.' },
  });
  expect(await other('PATCH', '_/actions/hello')).toMatchObject({
    status: 404,
    json: { error: 'The requested resource could not be found.' },
  });
});

test('the name of another entity is in another collection, for all methods (OW-14)', async () => {
  const dataDir = await temporaryDirectory();
  await mkdir(join(dataDir, 'entities'));
  const store = await openEmbeddedStore(join(dataDir, 'entities'));
  await store.put({ _id: 'guest/taken', entityType: 'trigger', namespace: 'guest', name: 'taken', updated: 1 });
  await store.close();
  const own = await startTestServer({ dataDir });
  const inOther = { status: 409, json: { error: 'Resource by this name exists but is not in this collection.' } };
  for (const path of ['actions/taken', 'actions/taken/x', 'actions/taken?overwrite=true']) {
    expect(await own.call('PUT', path, { exec })).toMatchObject(inOther);
    for (const method of ['GET', 'DELETE', 'POST']) expect(await own.call(method, path)).toMatchObject(inOther);
    // A large payload is read in a thread of its own.
    expect(await own.call('POST', path, { list: Array(100_000).fill(1) })).toMatchObject(inOther);
  }
  expect(await own.call('GET', 'actions/taken/')).toMatchObject(inOther);
  expect((await own.call('GET', 'triggers/taken')).status).toBe(404);
  await own.close();
  await rm(dataDir, { recursive: true });
});
