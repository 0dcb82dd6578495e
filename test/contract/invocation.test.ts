import { beforeAll, describe, expect, test } from '@jest/globals';
import { until } from '@dataflower/common/testing';
import { tarGz, zip } from '../testing/archives.js';
import { byKey, KIND, putAction, putGated, record, result, run, stored } from '../testing/calls.js';
import type { Platform } from '../testing/platform.js';
import { Suite } from '../testing/suite.js';

const suite = Suite.open();
let platform: Platform;
const hex = /^[0-9a-f]{32}$/;

beforeAll(async () => {
  platform = await suite.start();
  await putAction(platform.api, 'echo', 'function main(a){return a}');
  await putAction(platform.api, 'fail', "function main(){return {error:'boom',extra:1}}");
  await putAction(platform.api, 'throws', "function main(){throw new Error('broken')}");
  await putAction(platform.api, 'list', 'function main(a){return [1,a]}');
  // Ends when it is told to: by a file of the test's.
  await putGated(platform.api, 'waits');
});

describe('without waiting (OW-35)', () => {
  test.each(['', '?blocking=false', '?blocking=false&result=true', '?result=true', '?'])(
    '"%s" is 202 with the id alone',
    async (query) => {
      const reply = await platform.api.post(`_/actions/echo${query}`, { a: 1 });
      expect(reply.status).toBe(202);
      expect(reply.json).toEqual({ activationId: expect.stringMatching(hex) });
      expect(reply.headers['x-openwhisk-activation-id']).toBe(reply.json.activationId);
      const found = await until(
        async () => {
          const { status, json } = await platform.api.get(`_/activations/${reply.json.activationId}`);
          return status === 200 && json;
        },
        { what: 'its record' },
      );
      expect(found.response.result).toEqual({ a: 1 });
    },
  );
});

describe('waiting (OW-36, OW-38)', () => {
  test('a success is 200 with the record, and with result=true the result alone', async () => {
    const reply = await run(platform.api, 'echo', { a: 1 });
    expect(reply.status).toBe(200);
    expect(reply.headers['x-openwhisk-activation-id']).toBe(reply.json.activationId);
    expect(reply.json.response).toEqual({
      status: 'success',
      success: true,
      result: { a: 1 },
      size: expect.any(Number),
    });
    const alone = await platform.api.post('_/actions/echo?blocking=true&result=true', { a: 2 });
    expect(alone).toMatchObject({ status: 200, json: { a: 2 } });
    expect(alone.headers['x-openwhisk-activation-id']).toMatch(hex);
    expect(alone.headers['content-type']).toMatch(/^application\/json/);
  });

  test('an application error is 502, its result cut down to the error (OW-46)', async () => {
    const reply = await run(platform.api, 'fail');
    expect(reply.status).toBe(502);
    expect(reply.json.response).toMatchObject({
      status: 'application error',
      success: false,
      result: { error: 'boom' },
    });
    expect(reply.json.response.result).not.toHaveProperty('extra');
    expect(await platform.api.post('_/actions/fail?blocking=true&result=true', {})).toMatchObject({
      status: 502,
      json: { error: 'boom' },
    });
  });

  test.each([[{ error: null }], [{ error: '' }], [{ error: false }], [{ error: {} }], [{ error: 0, more: 1 }]])(
    '%j is an application error (OW-46)',
    async (payload) => {
      const reply = await run(platform.api, 'echo', payload);
      expect(reply.status).toBe(502);
      expect(reply.json.response).toMatchObject({ status: 'application error', result: { error: payload.error } });
    },
  );

  test('a developer error is 502 too', async () => {
    const reply = await run(platform.api, 'throws');
    expect(reply.status).toBe(502);
    expect(reply.json.response.status).toBe('action developer error');
    expect(reply.json.response.result.error).toMatch(/^An error has occurred: .*broken/);
  });

  test('an array is the bare array, with result or without', async () => {
    for (const query of ['blocking=true', 'blocking=true&result=true']) {
      const reply = await platform.api.post(`_/actions/list?${query}`, { a: 1 });
      expect(reply).toMatchObject({ status: 200, json: [1, { a: 1 }] });
      expect((await stored(platform.api, String(reply.headers['x-openwhisk-activation-id']))).response.result).toEqual([
        1,
        { a: 1 },
      ]);
    }
  });

  test('a record can be read the moment it was answered (OW-51)', async () => {
    for (let round = 0; round < 20; round++) {
      const answered = await record(platform.api, 'echo', { round });
      const read = await platform.api.get(`_/activations/${answered.activationId}`);
      expect(read.status).toBe(200);
      expect(read.json).toEqual(answered);
    }
  });
});

describe('waiting too long (OW-37)', () => {
  test('timeout=ms answers 202 with the id, and the activation goes on', async () => {
    const gate = `${suite.directory}/gate`;
    const reply = await platform.api.post('_/actions/waits?blocking=true&timeout=50&result=true', { gate });
    expect(reply).toMatchObject({ status: 202, json: { activationId: expect.stringMatching(hex) } });
    const path = `_/activations/${reply.json.activationId}`;
    expect((await platform.api.get(path)).status).toBe(404);
    const { writeFileSync } = await import('node:fs');
    writeFileSync(gate, '');
    const found = await until(
      async () => {
        const { status, json } = await platform.api.get(path);
        return status === 200 && json;
      },
      { what: 'its record' },
    );
    expect(found.response.result).toEqual({ done: true });
  });

  test.each(['0', '-1', '60001', 'x', '1.5', ''])('timeout=%s is 400', async (timeout) => {
    const reply = await platform.api.post(`_/actions/echo?blocking=true&timeout=${timeout}`, {});
    expect(reply).toMatchObject({
      status: 400,
      json: {
        error: "The query parameter 'timeout' was malformed:\nTimeout must be number of milliseconds up to 60000.",
      },
    });
  });
});

describe('the payload (OW-39 to OW-42)', () => {
  test('nothing, and no content type, is an empty object', async () => {
    const reply = await platform.api.ask('POST', '_/actions/echo?blocking=true&result=true');
    expect(reply).toMatchObject({ status: 200, json: {} });
    const zero = await platform.api.ask('POST', '_/actions/echo?blocking=true&result=true', {
      headers: { 'Content-Length': '0' },
    });
    expect(zero).toMatchObject({ status: 200, json: {} });
  });

  test.each(['[]', '1', '"text"', 'null', 'true', '[{"a":1}]'])('%s is 400', async (body) => {
    const { status, json } = await platform.api.post('_/actions/echo?blocking=true', body);
    expect(status).toBe(400);
    expect(json.error).toMatch(/^The request content was malformed:\n.*JSON object expected$/s);
  });

  test.each(['{', '{"a":}', "{'a':1}", '{"a":1}x', '\u0000'])('%j is 400', async (body) => {
    const { status, json } = await platform.api.post('_/actions/echo?blocking=true', body);
    expect(status).toBe(400);
    expect(json.error).toMatch(/^The request content was malformed:\n/);
  });

  test('another content type is 415', async () => {
    const { status, json } = await platform.api.post('_/actions/echo', 'a=1', {
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    });
    expect(status).toBe(415);
    expect(json.error).toContain("The request's Content-Type [application/x-www-form-urlencoded");
  });

  test('over 1 MiB is 413 with both numbers, by length or by what comes', async () => {
    const body = `{"a":"${'x'.repeat(1_048_577)}"}`;
    const error = `Request larger than allowed: ${body.length} > 1048576 bytes.`;
    expect(await platform.api.post('_/actions/echo', body)).toMatchObject({ status: 413, json: { error } });
    const chunked = await platform.api
      .post('_/actions/echo', body, { headers: { 'Transfer-Encoding': 'chunked', 'Content-Length': '' } })
      .catch(() => undefined);
    if (chunked !== undefined) expect([400, 413]).toContain(chunked.status);
    const fits = `{"a":"${'x'.repeat(1_048_576 - 8)}"}`;
    expect(fits).toHaveLength(1_048_576);
    expect((await platform.api.post('_/actions/echo?blocking=true', fits)).status).toBe(200);
  });

  test('parameters of the action lie below it, key by key', async () => {
    await putAction(platform.api, 'bound', 'function main(a){return a}', {
      parameters: [
        { key: 'a', value: { x: 1 } },
        { key: 'b', value: 2 },
      ],
    });
    expect(await result(platform.api, 'bound')).toEqual({ a: { x: 1 }, b: 2 });
    expect(await result(platform.api, 'bound', { a: { y: 1 }, c: 3 })).toEqual({ a: { y: 1 }, b: 2, c: 3 });
  });

  test('a final action refuses bound parameters that have a value', async () => {
    await putAction(platform.api, 'final', 'function main(a){return a}', {
      parameters: [
        { key: 'a', value: 1 },
        { key: 'open', value: null },
      ],
      annotations: [{ key: 'final', value: true }],
    });
    expect(await run(platform.api, 'final', { a: 1 })).toMatchObject({
      status: 400,
      json: { error: 'Request defines parameters that are not allowed (e.g., reserved properties).' },
    });
    expect(await result(platform.api, 'final', { open: 2, c: 3 })).toEqual({ a: 1, open: 2, c: 3 });
  });

  test('keeps numbers, unicode, deep nesting, keys like __proto__ and big objects', async () => {
    const payload = `{"n":1.5e300,"i":9007199254740991,"u":"\\u0000ä𝄞","__proto__":{"x":1},"constructor":1,"deep":${'[['.repeat(200)}${']]'.repeat(200)},"e":{}}`;
    const reply = await platform.api.post('_/actions/echo?blocking=true&result=true', payload);
    expect(reply.status).toBe(200);
    expect(JSON.parse(reply.text)).toEqual(JSON.parse(payload));
  });
});

describe('an update', () => {
  test('is what the next call runs, and a deleted action runs no more', async () => {
    for (let version = 1; version <= 5; version++) {
      await putAction(platform.api, 'changing', `function main(){return {version:${version}}}`);
      expect(await result(platform.api, 'changing')).toEqual({ version });
    }
    await platform.api.delete('_/actions/changing');
    expect((await run(platform.api, 'changing')).status).toBe(404);
    await putAction(platform.api, 'changing', 'function main(){return {version:"again"}}');
    expect(await result(platform.api, 'changing')).toEqual({ version: 'again' });
  });
});

describe('how code may look (OW-73, OW-74, OW-75)', () => {
  const forms: [string, string, string | undefined][] = [
    ['a function in the text', 'function main(){return {ok:1}}', undefined],
    ['another name', 'function other(){return {ok:1}}', 'other'],
    ['a constant', 'const main = () => ({ok:1})', undefined],
    ['module.exports', 'module.exports.main = () => ({ok:1})', undefined],
    ['exports', 'exports.run = () => ({ok:1})', 'run'],
    ['async', 'async function main(){await 0; return {ok:1}}', undefined],
    ['a promise', 'function main(){return new Promise(r => setTimeout(() => r({ok:1}), 1))}', undefined],
  ];
  test.each(forms)('%s', async (_what, code, main) => {
    await putAction(platform.api, 'form', code, main === undefined ? {} : { main });
    expect(await result(platform.api, 'form')).toEqual({ ok: 1 });
  });

  const archived = {
    'package.json': '{"main":"lib/start.js"}',
    'lib/start.js': "const dep=require('dep');exports.main=()=>({ok:dep.x,cwd:require('fs').readdirSync('.').sort()})",
    'node_modules/dep/index.js': 'exports.x=1',
  };

  test.each([
    ['zip', zip],
    ['tar.gz', tarGz],
  ])('a %s archive with package.json and node_modules, in its own folder', async (_name, make) => {
    await putAction(platform.api, 'archived', await make(archived));
    expect(await result(platform.api, 'archived')).toEqual({ ok: 1, cwd: ['lib', 'node_modules', 'package.json'] });
  });

  test.each([
    ['zip', zip],
    ['tar.gz', tarGz],
  ])('a %s archive with index.js and another main', async (_name, make) => {
    await putAction(platform.api, 'archived', await make({ 'index.js': 'exports.go=()=>({ok:1})' }), { main: 'go' });
    expect(await result(platform.api, 'archived')).toEqual({ ok: 1 });
  });

  test('file.function as main', async () => {
    await putAction(platform.api, 'archived', await zip({ 'other.js': 'exports.go=()=>({ok:1})' }), {
      main: 'other.go',
    });
    expect(await result(platform.api, 'archived')).toEqual({ ok: 1 });
  });

  test('an archive of ES modules', async () => {
    await putAction(
      platform.api,
      'archived',
      await zip({
        'package.json': '{"type":"module","main":"index.js"}',
        'index.js': 'export const main = () => ({ok:import.meta.url.startsWith("file:")})',
      }),
    );
    expect(await result(platform.api, 'archived')).toEqual({ ok: true });
  });

  test('undefined is an empty object', async () => {
    await putAction(platform.api, 'form', 'function main(){}');
    expect(await result(platform.api, 'form')).toEqual({});
  });

  test('a call gets an object of its own (OW-76)', async () => {
    await putAction(platform.api, 'mutates', 'function main(a){const seen={...a};a.changed=true;return seen}', {
      parameters: [{ key: 'k', value: 1 }],
    });
    expect(await result(platform.api, 'mutates')).toEqual({ k: 1 });
    expect(await result(platform.api, 'mutates')).toEqual({ k: 1 });
  });
});

describe('the environment (OW-72)', () => {
  test("has OpenWhisk's variables, the key only when it is asked for, and nothing of the server's", async () => {
    await putAction(platform.api, 'env', 'function main(){return {...process.env}}');
    const called = Date.now();
    const answered = await record(platform.api, 'env', {}, { headers: { 'X-Request-ID': 'the-transaction' } });
    const env = answered.response.result;
    expect(env).toMatchObject({
      __OW_NAMESPACE: 'guest',
      __OW_ACTION_NAME: '/guest/env',
      __OW_ACTION_VERSION: expect.stringMatching(/^\d+\.\d+\.\d+$/),
      __OW_ACTIVATION_ID: answered.activationId,
      __OW_TRANSACTION_ID: 'the-transaction',
      __OW_API_HOST: platform.url,
    });
    expect(Number(env.__OW_DEADLINE) - 60_000).toBeGreaterThanOrEqual(called - 2);
    expect(Number(env.__OW_DEADLINE) - 60_000).toBeLessThanOrEqual(Date.now() + 2);
    expect(env).not.toHaveProperty('__OW_API_KEY');
    expect(Object.keys(env).filter((name) => /DATAFLOWER|TOKEN|__DF/.test(name))).toEqual([]);
    await putAction(platform.api, 'env', 'function main(){return {...process.env}}', {
      annotations: [{ key: 'provide-api-key', value: true }],
    });
    expect((await result(platform.api, 'env')).__OW_API_KEY).toBe(platform.authorization);
  });

  test('an action can call the API back with it', async () => {
    const code =
      "async function main(){const r=await fetch(process.env.__OW_API_HOST+'/api/v1/namespaces/_/actions/echo?blocking=true&result=true',{method:'POST',headers:{Authorization:'Basic '+Buffer.from(process.env.__OW_API_KEY).toString('base64'),'Content-Type':'application/json'},body:'{\"back\":1}'});return r.json()}";
    await putAction(platform.api, 'calls-back', code, { annotations: [{ key: 'provide-api-key', value: true }] });
    expect(await result(platform.api, 'calls-back')).toEqual({ back: 1 });
  });
});

describe('the record (OW-44, OW-45, OW-47, OW-48)', () => {
  test("of a cold start has the members of OpenWhisk's, and no others", async () => {
    await putAction(platform.api, 'speaks', "function main(){console.log('one');console.error('two');return {ok:1}}", {
      limits: { memory: 128 },
    });
    const called = Date.now();
    const cold = await record(platform.api, 'speaks');
    expect(cold).toEqual({
      activationId: expect.stringMatching(hex),
      annotations: expect.any(Array),
      duration: expect.any(Number),
      end: expect.any(Number),
      logs: expect.any(Array),
      name: 'speaks',
      namespace: 'guest',
      publish: false,
      response: { result: { ok: 1 }, size: 8, status: 'success', success: true },
      start: expect.any(Number),
      subject: 'guest',
      version: '0.0.1',
    });
    const { dataflow, ...annotations } = byKey(cold.annotations);
    expect(dataflow).toMatchObject({ coldStart: true, boot: expect.any(Number), init: expect.any(Number) });
    expect(annotations).toEqual({
      path: 'guest/speaks',
      waitTime: expect.any(Number),
      kind: KIND,
      timeout: false,
      limits: { concurrency: 1, logs: 10, memory: 128, timeout: 60000 },
      initTime: expect.any(Number),
    });
    expect(cold.end).toBeGreaterThanOrEqual(cold.start);
    expect(cold.start).toBeGreaterThanOrEqual(called - 2);
    expect(cold.end).toBeLessThanOrEqual(Date.now() + 2);
    const warm = byKey((await record(platform.api, 'speaks')).annotations);
    expect(warm).not.toHaveProperty('initTime');
    expect(warm.dataflow).not.toHaveProperty('boot');
  });

  test('has the lines of both streams, with times, and never the sentinel (OW-71)', async () => {
    const { logs } = await record(platform.api, 'speaks');
    const line = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z *(stdout|stderr): (.*)$/;
    expect(logs.every((text) => line.test(text))).toBe(true);
    expect(logs.map((text) => text.replace(line, '$1: $2')).sort()).toEqual(['stderr: two', 'stdout: one']);
    expect(logs[0]!.indexOf(' std')).toBeGreaterThanOrEqual(30);
  });

  test('has the version of the action that ran', async () => {
    await putAction(platform.api, 'versioned', 'function main(){return {}}');
    await putAction(platform.api, 'versioned', 'function main(){return {}}');
    expect((await record(platform.api, 'versioned')).version).toBe('0.0.2');
  });
});
