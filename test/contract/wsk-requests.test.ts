import { beforeAll, describe, expect, test } from '@jest/globals';
import { byKey, KIND } from '../testing/calls.js';
import type { Json } from '../testing/api.js';
import type { Platform } from '../testing/platform.js';
import { Suite } from '../testing/suite.js';

// The requests that OpenWhisk's command line was seen to send, byte for byte where it matters.
const suite = Suite.open();
let platform: Platform;
const headers = {
  'User-Agent': 'OpenWhisk-CLI/1.0 (2021-04-01T23:49:54.523+0000) linux amd64',
  Accept: 'application/json',
};

beforeAll(async () => {
  platform = await suite.start();
});

const ask = (method: string, path: string, body?: unknown) =>
  platform.api.ask(method, path, {
    body,
    headers: { ...headers, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
  });

describe('wsk property get', () => {
  test('asks for the namespaces with the key, and for the build without', async () => {
    expect((await ask('GET', '/api/v1/namespaces')).json).toEqual(['guest']);
    const { json } = await platform.api.get('/api/v1', { authorization: undefined, headers });
    expect(typeof json.build).toBe('string');
    expect(typeof json.buildno).toBe('string');
  });
});

describe('wsk action create', () => {
  const body = {
    namespace: '_',
    name: 'hello',
    exec: { kind: 'nodejs:default', code: 'function main(a){console.log("hi");return a}' },
    annotations: [
      { key: 'web-export', value: false },
      { key: 'raw-http', value: false },
      { key: 'final', value: false },
    ],
    parameters: [{ key: 'p', value: 'x' }],
    limits: { timeout: 1000 },
  };

  test('is a PUT with more members than are read', async () => {
    const reply = await ask('PUT', '_/actions/hello?overwrite=false', body);
    expect(reply.status).toBe(200);
    expect(reply.json).toMatchObject({
      name: 'hello',
      namespace: 'guest',
      version: '0.0.1',
      exec: { kind: KIND },
      limits: { timeout: 1000, memory: 256, logs: 10, concurrency: 1 },
    });
  });

  test('again is 409 with the text that is printed', async () => {
    expect(await ask('PUT', '_/actions/hello?overwrite=false', body)).toMatchObject({
      status: 409,
      json: { error: 'resource already exists', code: expect.stringMatching(/^[0-9a-zA-Z_-]+$/) },
    });
  });
});

describe('wsk action update', () => {
  test('reads without the code first; a 404 there is no mistake', async () => {
    expect((await ask('GET', '_/actions/new%20one?code=false')).status).toBe(404);
    expect(
      (
        await ask('PUT', '_/actions/new%20one?overwrite=true', {
          namespace: '_',
          name: 'new one',
          exec: { kind: KIND, code: 'function main(){}' },
        })
      ).status,
    ).toBe(200);
    const { json } = await ask('GET', '_/actions/hello?code=false');
    expect(json.exec).toEqual({ kind: KIND, binary: false });
    const updated = await ask('PUT', '_/actions/hello?overwrite=true', {
      namespace: '_',
      name: 'hello',
      annotations: json.annotations,
      limits: { memory: 128 },
    });
    expect(updated.json).toMatchObject({ version: '0.0.2', limits: { timeout: 1000, memory: 128 } });
  });

  test('--web sends every annotation that it read, and the server keeps its own right', async () => {
    const { annotations } = (await ask('GET', '_/actions/hello?code=false')).json;
    const stale = annotations.map((one: { key: string }) =>
      one.key === 'exec' ? { key: 'exec', value: 'nodejs:6' } : one,
    );
    const web = [
      { key: 'web-export', value: true },
      { key: 'raw-http', value: false },
      { key: 'final', value: true },
    ];
    const { json } = await ask('PUT', '_/actions/hello?overwrite=true', {
      namespace: '_',
      name: 'hello',
      annotations: [...stale, ...web],
    });
    expect(byKey(json.annotations)).toMatchObject({ exec: KIND, 'web-export': true, final: true });
  });

  test('--del-annotation', async () => {
    const { json } = await ask('PUT', '_/actions/hello?overwrite=true', {
      namespace: '_',
      name: 'hello',
      delAnnotations: ['final', 'raw-http'],
    });
    expect(byKey(json.annotations)).toEqual({ exec: KIND, 'provide-api-key': false, 'web-export': true });
  });

  test('--sequence names its components with _', async () => {
    const { json } = await ask('PUT', '_/actions/seq?overwrite=false', {
      namespace: '_',
      name: 'seq',
      exec: { kind: 'sequence', code: '', components: ['/_/hello', '/_/new one'] },
      annotations: [],
    });
    expect(json.exec.components).toEqual(['/guest/hello', '/guest/new one']);
  });
});

describe('wsk action invoke', () => {
  test('always says whether it waits and for what, and sends {}', async () => {
    const free = await ask('POST', '_/actions/hello?blocking=false&result=false', {});
    expect(free).toMatchObject({ status: 202, json: { activationId: expect.any(String) } });
    expect(await ask('POST', '_/actions/hello?blocking=false&result=true', {})).toMatchObject({
      status: 202,
      json: { activationId: expect.any(String) },
    });
    const whole = await ask('POST', '_/actions/hello?blocking=true&result=false', { a: 1 });
    expect(whole.json.response.result).toEqual({ p: 'x', a: 1 });
    expect((await ask('POST', '_/actions/hello?blocking=true&result=true', { a: 1 })).json).toEqual({ p: 'x', a: 1 });
    expect((await ask('POST', '/api/v1/namespaces/guest/actions/seq?blocking=true&result=true', {})).status).toBe(200);
  });
});

describe('wsk activation', () => {
  test('list asks for 30 and finds what its columns need', async () => {
    const { json } = await ask('GET', '_/activations?limit=30&skip=0');
    for (const item of json) {
      expect(item).toMatchObject({
        statusCode: expect.any(Number),
        version: expect.any(String),
        namespace: 'guest',
        start: expect.any(Number),
        duration: expect.any(Number),
      });
      expect(byKey(item.annotations).kind).toEqual(expect.any(String));
    }
    expect(json.some((item: Json) => byKey(item.annotations).initTime !== undefined)).toBe(true);
    expect(json.some((item: Json) => byKey(item.annotations).initTime === undefined)).toBe(true);
  });

  test('list NAME, --full, --since and --upto', async () => {
    expect((await ask('GET', '_/activations?limit=30&name=hello&skip=0')).json.length).toBeGreaterThanOrEqual(4);
    const full = (await ask('GET', '_/activations?docs=true&limit=1&skip=0')).json;
    expect(full[0]).toHaveProperty('logs');
    expect((await ask('GET', `_/activations?limit=30&since=0&skip=0&upto=1`)).json).toEqual([]);
  });

  test('get --last takes the newest and then its record', async () => {
    const [last] = (await ask('GET', '_/activations?limit=1&skip=0')).json;
    expect((await ask('GET', `_/activations/${last.activationId}`)).json.response.status).toEqual(expect.any(String));
    for (const part of ['logs', 'result'])
      expect((await ask('GET', `_/activations/${last.activationId}/${part}`)).status).toBe(200);
  });

  test('logs --strip can cut the time off every line', async () => {
    const { json } = await ask('POST', '_/actions/hello?blocking=true&result=false', {});
    const { logs } = (await ask('GET', `_/activations/${json.activationId}/logs`)).json;
    expect(logs).toHaveLength(1);
    expect(logs[0]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z\s+stdout: hi$/);
  });
});

describe('wsk list', () => {
  test('asks for all of every collection', async () => {
    for (const collection of ['actions', 'packages', 'triggers', 'rules'])
      expect((await ask('GET', `_/${collection}?limit=0&skip=0`)).status).toBe(200);
    for (const { annotations } of (await ask('GET', '_/actions?limit=0&skip=0')).json)
      expect(byKey(annotations).exec).toEqual(expect.any(String));
  });
});

describe('what is not offered', () => {
  test.each([
    ['PUT', '_/packages/p?overwrite=false', {}],
    ['PUT', '_/triggers/t?overwrite=false', { name: 't' }],
    ['PUT', '_/rules/r?overwrite=false', { name: 'r', status: '', trigger: '/_/t', action: '/_/hello' }],
    ['POST', '_/packages/refresh', undefined],
    ['POST', '_/triggers/t', {}],
    ['GET', '_/actions/p/a?code=false', undefined],
    ['PUT', '_/actions/p/a?overwrite=false', { namespace: '_', name: 'p/a', exec: { kind: KIND, code: '' } }],
    ['POST', '_/actions/p/a?blocking=true', {}],
  ])('%s %s is a clear answer of an API: JSON with error and code, below 500', async (method, path, body) => {
    const reply = await ask(method, path, body);
    expect(reply.status).toBeGreaterThanOrEqual(400);
    expect(reply.status).toBeLessThanOrEqual(501);
    expect(reply.json).toEqual({ error: expect.any(String), code: expect.any(String) });
  });
});
