import { beforeAll, describe, expect, test } from '@jest/globals';
import openwhisk, { type Client } from 'openwhisk';
import { until } from '@dataflower/common/testing';
import { zip } from '../testing/archives.js';
import { byKey, KIND } from '../testing/calls.js';
import type { Json } from '../testing/api.js';
import type { Platform } from '../testing/platform.js';
import { Suite } from '../testing/suite.js';

// The client of npm as its README shows it; its types know less than it does, and less than the server answers.
const suite = Suite.open();
let platform: Platform;
let client: Json;

beforeAll(async () => {
  platform = await suite.start();
  client = platform.client;
});

const failure = (promise: Promise<unknown>): Promise<Json> =>
  promise.then(
    () => {
      throw new Error('It should have failed.');
    },
    (error: unknown) => error,
  );

describe('actions', () => {
  test('are created, read, listed, updated and deleted', async () => {
    const created = await client.actions.create({
      name: 'npm',
      action: 'function main(a){return {v:1,...a}}',
      params: { bound: 1 },
      annotations: { about: 'x' },
      limits: { timeout: 3000 },
    });
    expect(created).toMatchObject({
      name: 'npm',
      namespace: 'guest',
      version: '0.0.1',
      exec: { kind: KIND, binary: false },
      limits: { timeout: 3000, memory: 256 },
    });
    expect(byKey(created.parameters)).toEqual({ bound: 1 });
    expect(byKey(created.annotations)).toMatchObject({ about: 'x' });
    expect(await client.actions.get('npm')).toEqual(created);
    expect((await client.actions.get({ name: 'npm', code: false })).exec).not.toHaveProperty('code');
    expect(await client.actions.list()).toEqual([expect.objectContaining({ name: 'npm', exec: { binary: false } })]);
    expect(await client.actions.list({ limit: 1, skip: 1 })).toEqual([]);
    expect(await failure(client.actions.create({ name: 'npm', action: 'x' }))).toMatchObject({
      statusCode: 409,
      error: { error: 'resource already exists', code: expect.any(String) },
    });
    expect(await client.actions.list({ count: true })).toEqual({ actions: 1 });
    expect((await client.actions.update({ name: 'npm', action: 'function main(a){return {v:2,...a}}' })).version).toBe(
      '0.0.2',
    );
    expect(await client.actions.invoke({ name: 'npm', blocking: true, result: true, params: { a: 1 } })).toEqual({
      v: 2,
      bound: 1,
      a: 1,
    });
    expect(await client.actions.delete('npm')).toMatchObject({ name: 'npm', version: '0.0.2' });
    expect(await client.actions.list()).toEqual([]);
  });

  test('of a buffer are archives', async () => {
    const created = await client.actions.create({
      name: 'zipped',
      action: await zip({ 'index.js': 'exports.main=()=>({zipped:true})' }),
      kind: 'nodejs:20',
    });
    expect(created.exec.binary).toBe(true);
    expect(await client.actions.invoke({ name: 'zipped', blocking: true, result: true })).toEqual({ zipped: true });
  });

  test('may have spaces in their names', async () => {
    await client.actions.create({ name: 'with space', action: 'function main(){return {ok:1}}' });
    expect(await client.actions.invoke({ name: 'with space', blocking: true, result: true })).toEqual({ ok: 1 });
    expect(await client.activations.list({ name: 'with space' })).toHaveLength(1);
    await client.actions.delete('with space');
  });

  test('are sequences too', async () => {
    await client.actions.create({ name: 'one', action: 'function main(a){return {n:(a.n??0)+1}}' });
    const created = await client.actions.create({ name: 'two', sequence: ['/_/one', '/_/one'] });
    expect(created.exec).toEqual({ kind: 'sequence', components: ['/guest/one', '/guest/one'] });
    expect(await failure(client.actions.create({ name: 'bad', sequence: ['one'] }))).toMatchObject({ statusCode: 400 });
    expect(await client.actions.invoke({ name: 'two', blocking: true, result: true, params: { n: 3 } })).toEqual({
      n: 5,
    });
  });

  test('of another namespace are told by the path', async () => {
    const other: Json = openwhisk({ apihost: platform.url, api_key: platform.authorization, namespace: 'other' });
    const error = await failure(other.actions.get('one'));
    expect(error.statusCode).toBe(403);
    const own: Json = openwhisk({ apihost: platform.url, api_key: platform.authorization, namespace: 'guest' });
    expect(await own.actions.get('one')).toMatchObject({ name: 'one', namespace: 'guest' });
  });
});

describe('invocations', () => {
  test('by the name alone send no body and get an id', async () => {
    const { activationId } = await client.actions.invoke('one');
    expect(activationId).toMatch(/^[0-9a-f]{32}$/);
    const found = await until(() => client.activations.get(activationId).catch(() => undefined), {
      what: 'the record',
    });
    expect(found.response.result).toEqual({ n: 1 });
    expect(await client.activations.result(activationId)).toMatchObject({ success: true, result: { n: 1 } });
    expect(await client.activations.logs(activationId)).toEqual({ logs: [] });
  });

  test("that fail reject with the status, the body and the action's error in the message", async () => {
    await client.actions.create({ name: 'fails', action: "function main(){return {error:'no luck'}}" });
    const error = await failure(client.actions.invoke({ name: 'fails', blocking: true }));
    expect(error).toMatchObject({ name: 'OpenWhiskError', statusCode: 502 });
    expect(error.message).toContain('Returned HTTP 502 (Bad Gateway) --> "no luck"');
    expect(error.error.response).toMatchObject({ status: 'application error', result: { error: 'no luck' } });
  });

  test("of what is not there reject with OpenWhisk's text", async () => {
    const error = await failure(client.actions.invoke({ name: 'absent', blocking: true }));
    expect(error.statusCode).toBe(404);
    expect(error.message).toMatch(
      /^POST .*\/namespaces\/_\/actions\/absent Returned HTTP 404 \(Not Found\) --> "The requested resource does not exist\."$/,
    );
    expect(error.error).toEqual({ error: 'The requested resource does not exist.', code: expect.any(String) });
  });

  test('with a wrong key reject with 401', async () => {
    const stranger: Client = openwhisk({
      apihost: platform.url,
      api_key: `${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(12)}:${'x'.repeat(64)}`,
    });
    const error = await failure(stranger.actions.list());
    expect(error.statusCode).toBe(401);
    expect(error.message).toContain('The supplied authentication is invalid');
  });
});

describe('the rest of what the client reads', () => {
  test('namespaces, packages, triggers and rules', async () => {
    expect(await client.namespaces.list()).toEqual(['guest']);
    expect(await client.packages.list()).toEqual([]);
    expect(await client.triggers.list()).toEqual([]);
    expect(await client.rules.list()).toEqual([]);
    expect(await failure(client.packages.get('x'))).toMatchObject({ statusCode: 404 });
  });

  test('activations by time and count', async () => {
    const all = await client.activations.list({ limit: 0 });
    expect(all.length).toBeGreaterThan(3);
    expect(await client.activations.list({ count: true })).toEqual({ activations: all.length });
    expect(await client.activations.list({ since: Number(all[0].start) + 1 })).toEqual([]);
    expect((await client.activations.list({ docs: true, limit: 1 }))[0]).toHaveProperty('response');
  });
});
