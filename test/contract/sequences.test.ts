import { writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { until } from '@dataflower/common/testing';
import { byKey, parts, putAction, putGated, putSequence, record, result, run, stored } from '../testing/calls.js';
import type { Platform } from '../testing/platform.js';
import { Suite } from '../testing/suite.js';

const suite = Suite.open();
let platform: Platform;

beforeAll(async () => {
  platform = await suite.start();
  const { api } = platform;
  await Promise.all([
    putAction(api, 'inc', 'function main(a){return {...a,n:(a.n??0)+1}}'),
    putAction(api, 'echo', 'function main(a){return a}'),
    putAction(api, 'bound', 'function main(a){return a}', {
      parameters: [
        { key: 'mine', value: 1 },
        { key: 'n', value: 'bound' },
      ],
    }),
    putAction(api, 'fail', "function main(){return {error:'boom',extra:1}}"),
    putAction(api, 'throws', "function main(){throw new Error('broken')}"),
    putAction(api, 'list', 'function main(a){return [1,2,{a}]}'),
    putAction(api, 'what', 'function main(a){return {isArray:Array.isArray(a),got:a}}', {
      parameters: [{ key: 'mine', value: 1 }],
    }),
    putAction(api, 'speaks', "function main(a){console.log('hello');return a}", { limits: { memory: 512 } }),
  ]);
});

describe('a sequence that is put (OW-32, OW-33)', () => {
  test('has its components qualified, the names of its parameters are its own, and has no code', async () => {
    const put = await putSequence(platform.api, 'three', ['inc', 'echo', 'inc'], {
      parameters: [{ key: 'ignored', value: 1 }],
    });
    const components = ['/guest/inc', '/guest/echo', '/guest/inc'];
    expect(put.exec).toEqual({ kind: 'sequence', components });
    expect(put.parameters).toEqual([{ key: '_actions', value: components }]);
    expect(byKey(put.annotations).exec).toBe('sequence');
    expect((await platform.api.get('_/actions/three?code=false')).json.exec).toEqual({ kind: 'sequence', components });
  });

  test.each([
    [[], 'No component specified for the sequence.'],
    [['/_/nosuch'], 'Sequence component does not exist.'],
    [['/_/inc', '/_/self'], 'Sequence may not refer to itself.'],
    [Array.from({ length: 51 }, () => '/_/inc'), 'Too many actions in the sequence.'],
  ])('is refused with 400', async (components, error) => {
    await putSequence(platform.api, 'self', ['inc']);
    const reply = await platform.api.put('_/actions/self?overwrite=true', { exec: { kind: 'sequence', components } });
    expect(reply).toMatchObject({ status: 400, json: { error } });
    expect(await result(platform.api, 'self')).toEqual({ n: 1 });
  });

  test('may not refer to itself through another', async () => {
    await putSequence(platform.api, 'inner', ['inc']);
    await putSequence(platform.api, 'outer', ['inner']);
    const reply = await platform.api.put('_/actions/inner?overwrite=true', {
      exec: { kind: 'sequence', components: ['/_/outer'] },
    });
    expect(reply).toMatchObject({ status: 400, json: { error: 'Sequence may not refer to itself.' } });
  });

  test('counts its nested ones through', async () => {
    await putSequence(
      platform.api,
      'thirty',
      Array.from({ length: 30 }, () => 'inc'),
    );
    const reply = await platform.api.put('_/actions/sixty', {
      exec: { kind: 'sequence', components: ['/_/thirty', '/_/thirty'] },
    });
    expect(reply).toMatchObject({ status: 400, json: { error: 'Too many actions in the sequence.' } });
  });

  test.each(['inc', 'a/b/c/d', '', '/', '/inc'])(
    'refuses the component "%s" that is not fully qualified',
    async (component) => {
      const { status, json } = await platform.api.put('_/actions/unqualified', {
        exec: { kind: 'sequence', components: [component] },
      });
      expect(status).toBe(400);
      expect(json.error).toMatch(
        /must contain at least the namespace and the name of the entity|requirement failed: path undefined/,
      );
    },
  );

  test('becomes a plain action without its parameters, and the other way round', async () => {
    await putSequence(platform.api, 'turns', ['inc']);
    const plain = await putAction(platform.api, 'turns', 'function main(a){return {keys:Object.keys(a)}}');
    expect(plain.parameters).toEqual([]);
    expect(await result(platform.api, 'turns')).toEqual({ keys: [] });
    await putSequence(platform.api, 'turns', ['inc', 'inc']);
    expect(await result(platform.api, 'turns')).toEqual({ n: 2 });
  });
});

describe('a run (OW-60 to OW-64, OW-68)', () => {
  test('hands each result to the next', async () => {
    await putSequence(platform.api, 'three', ['inc', 'inc', 'inc']);
    expect(await result(platform.api, 'three', { n: 5, kept: true })).toEqual({ n: 8, kept: true });
  });

  test("lays results over the component's own parameters, and gives no component the sequence's", async () => {
    await putSequence(platform.api, 'laid', ['echo', 'bound']);
    expect(await result(platform.api, 'laid', { n: 7 })).toEqual({ mine: 1, n: 7 });
    await putSequence(platform.api, 'first', ['bound', 'echo']);
    expect(await result(platform.api, 'first')).toEqual({ mine: 1, n: 'bound' });
  });

  test('starts with an error in the payload, which stops nothing', async () => {
    await putSequence(platform.api, 'starts', ['what', 'echo']);
    expect(await result(platform.api, 'starts', { error: 'in' })).toEqual({
      isArray: false,
      got: { error: 'in', mine: 1 },
    });
  });

  test.each([
    ['fail', 'application error', 'boom'],
    ['throws', 'action developer error', expect.stringMatching(/^An error has occurred: .*broken/)],
  ])('stops at %s, with its response as it is', async (component, status, error) => {
    await putSequence(platform.api, 'stops', ['inc', component, 'inc']);
    const reply = await run(platform.api, 'stops');
    expect(reply.status).toBe(502);
    expect(reply.json.response).toMatchObject({ status, success: false, result: { error } });
    expect(reply.json.logs).toHaveLength(2);
    const [, failed] = await parts(platform.api, reply.json);
    expect(failed).toMatchObject({ name: component, response: { ...reply.json.response, size: expect.any(Number) } });
  });

  test('hands an array on as it is, without parameters below it', async () => {
    await putSequence(platform.api, 'arrays', ['list', 'what']);
    expect(await result(platform.api, 'arrays', { x: 1 })).toEqual({ isArray: true, got: [1, 2, { a: { x: 1 } }] });
    await putSequence(platform.api, 'ends', ['echo', 'list']);
    const reply = await run(platform.api, 'ends', { x: 1 });
    expect(reply).toMatchObject({ status: 200, json: [1, 2, { a: { x: 1 } }] });
  });

  test('leaves records that tell who caused them', async () => {
    await putSequence(platform.api, 'told', ['inc', 'speaks']);
    const top = await record(platform.api, 'told', { n: 1 });
    expect(top).toEqual({
      activationId: expect.any(String),
      annotations: expect.any(Array),
      duration: expect.any(Number),
      end: expect.any(Number),
      logs: [expect.stringMatching(/^[0-9a-f]{32}$/), expect.stringMatching(/^[0-9a-f]{32}$/)],
      name: 'told',
      namespace: 'guest',
      publish: false,
      response: { result: { n: 2 }, size: expect.any(Number), status: 'success', success: true },
      start: expect.any(Number),
      subject: 'guest',
      version: '0.0.1',
    });
    expect(byKey(top.annotations)).toMatchObject({
      topmost: true,
      path: 'guest/told',
      kind: 'sequence',
      waitTime: expect.any(Number),
      limits: { concurrency: 1, logs: 10, memory: 512, timeout: 60000 },
    });
    expect(byKey(top.annotations)).not.toHaveProperty('causedBy');
    const [first, second] = await parts(platform.api, top);
    for (const part of [first!, second!]) {
      expect(part.cause).toBe(top.activationId);
      expect(byKey(part.annotations)).toMatchObject({ causedBy: 'sequence', kind: 'nodejs:20', timeout: false });
    }
    expect(first).toMatchObject({ name: 'inc', response: { result: { n: 2 } } });
    expect(second!.logs[0]).toMatch(/stdout: hello$/);
    expect(top.duration).toBe(first!.duration + second!.duration);
    expect(first!.end).toBeLessThanOrEqual(second!.end);
  });

  test('can be found in the list: parts have a cause, the top has none', async () => {
    const top = await record(platform.api, 'told');
    const { json } = await platform.api.get('_/activations?limit=10');
    const item = json.find(({ activationId }: { activationId: string }) => activationId === top.activationId);
    expect(item).not.toHaveProperty('cause');
    expect(item).toMatchObject({ statusCode: 0, name: 'told' });
    expect(json.filter(({ cause }: { cause?: string }) => cause === top.activationId)).toHaveLength(2);
  });

  test('has a record only when it has ended (OW-67)', async () => {
    const gate = `${suite.directory}/gate`;
    await putGated(platform.api, 'waits');
    await putSequence(platform.api, 'long', ['echo', 'waits']);
    const { status, json } = await platform.api.post('_/actions/long?blocking=true&timeout=100', { gate });
    expect(status).toBe(202);
    expect((await platform.api.get(`_/activations/${json.activationId}`)).status).toBe(404);
    writeFileSync(gate, '');
    await until(async () => (await platform.api.get(`_/activations/${json.activationId}`)).status === 200, {
      what: 'the record',
    });
    expect((await stored(platform.api, json.activationId)).logs).toHaveLength(2);
  });
});

describe('nested sequences (OW-65)', () => {
  test('are one component with a record of its own', async () => {
    await putSequence(platform.api, 'inner', ['inc', 'inc']);
    await putSequence(platform.api, 'outer', ['inc', 'inner', 'inc']);
    const top = await record(platform.api, 'outer', { n: 0 });
    expect(top.response.result).toEqual({ n: 4 });
    const [, inner] = await parts(platform.api, top);
    expect(top.logs).toHaveLength(3);
    expect(inner).toMatchObject({ name: 'inner', cause: top.activationId });
    expect(byKey(inner!.annotations)).toMatchObject({ topmost: false, causedBy: 'sequence', kind: 'sequence' });
    const inside = await parts(platform.api, inner!);
    expect(inside.map(({ name, cause }) => ({ name, cause }))).toEqual([
      { name: 'inc', cause: inner!.activationId },
      { name: 'inc', cause: inner!.activationId },
    ]);
  });

  test('stop the outer one with an error inside', async () => {
    await putSequence(platform.api, 'inner', ['inc', 'fail', 'inc']);
    const reply = await run(platform.api, 'outer');
    expect(reply.json.response).toMatchObject({ status: 'application error', result: { error: 'boom' } });
    expect(reply.json.logs).toHaveLength(2);
  });

  test('that have grown too long since are an application error', async () => {
    await putSequence(platform.api, 'grows', ['inc']);
    await putSequence(
      platform.api,
      'holds',
      Array.from({ length: 2 }, () => 'grows'),
    );
    await putSequence(
      platform.api,
      'grows',
      Array.from({ length: 40 }, () => 'inc'),
    );
    const reply = await run(platform.api, 'holds');
    expect(reply.json.response).toMatchObject({
      status: 'application error',
      result: { error: 'Too many actions in the sequence.' },
    });
  });
});

describe('a component that is gone (OW-66)', () => {
  test('is an application error', async () => {
    await putAction(platform.api, 'short-lived', 'function main(a){return a}');
    await putSequence(platform.api, 'misses', ['inc', 'short-lived', 'inc']);
    await platform.api.delete('_/actions/short-lived');
    const reply = await run(platform.api, 'misses');
    expect(reply.status).toBe(502);
    expect(reply.json.response).toMatchObject({
      status: 'application error',
      result: { error: 'Sequence component does not exist.' },
    });
  });
});
