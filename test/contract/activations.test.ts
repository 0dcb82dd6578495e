import { beforeAll, describe, expect, test } from '@jest/globals';
import { type ActivationRecord, byKey, KIND, putAction, putSequence, record, stored } from '../testing/calls.js';
import type { Platform } from '../testing/platform.js';
import { Suite } from '../testing/suite.js';

const suite = Suite.open();
let platform: Platform;
/** Oldest first. */
const made: ActivationRecord[] = [];

beforeAll(async () => {
  platform = await suite.start();
  await putAction(platform.api, 'echo', 'function main(a){console.log(a.i);return a}');
  await putAction(platform.api, 'other name', 'function main(a){return {error:1}}');
  await putSequence(platform.api, 'seq', ['echo']);
  for (let i = 0; i < 6; i++) {
    // Later starts: two records of the same millisecond have no order.
    const last = made.at(-1)?.start ?? 0;
    while (Date.now() <= last + 1) await new Promise((resolve) => setImmediate(resolve));
    made.push(await record(platform.api, i % 3 === 2 ? 'other name' : 'echo', { i }));
  }
});

const ids = async (query: string): Promise<string[]> => {
  const { status, json } = await platform.api.get(`_/activations${query}`);
  expect(status).toBe(200);
  return json.map(({ activationId }: ActivationRecord) => activationId);
};
const newestFirst = (): string[] => made.map(({ activationId }) => activationId).reverse();

describe('the list (OW-16, OW-49)', () => {
  test('is newest first, cut by skip and limit', async () => {
    expect(await ids('')).toEqual(newestFirst());
    expect(await ids('/')).toEqual(newestFirst());
    expect(await ids('?limit=2')).toEqual(newestFirst().slice(0, 2));
    expect(await ids('?limit=2&skip=1')).toEqual(newestFirst().slice(1, 3));
    expect(await ids('?limit=0&skip=0')).toEqual(newestFirst());
  });

  test('has summaries with the numeric statusCode at their top, no logs and no result', async () => {
    const { json } = await platform.api.get('_/activations?limit=2');
    expect(json[0]).toEqual({
      namespace: 'guest',
      name: 'other name',
      version: '0.0.1',
      publish: false,
      annotations: expect.any(Array),
      activationId: made[5]!.activationId,
      start: made[5]!.start,
      end: made[5]!.end,
      duration: made[5]!.end - made[5]!.start,
      statusCode: 1,
    });
    expect(json[1]).toMatchObject({ name: 'echo', statusCode: 0 });
    expect(byKey(json[1].annotations)).toMatchObject({ kind: KIND, path: 'guest/echo' });
  });

  test('has whole records with docs=true', async () => {
    const { json } = await platform.api.get('_/activations?docs=true&limit=1');
    expect(json).toEqual([await stored(platform.api, made[5]!.activationId)]);
    expect(json[0]).toHaveProperty('logs');
    expect(json[0].response.result).toEqual({ error: 1 });
  });

  test('takes a name', async () => {
    expect(await ids('?name=echo')).toHaveLength(4);
    expect(await ids('?name=other%20name')).toEqual([made[5]!.activationId, made[2]!.activationId]);
    expect(await ids('?name=nothing')).toEqual([]);
    expect(await ids('?name=pkg%2Fecho')).toEqual([]);
  });

  test('takes since and upto, both inclusive, in milliseconds', async () => {
    const [, second, third] = made as [ActivationRecord, ActivationRecord, ActivationRecord];
    expect(await ids(`?since=${third.start}`)).toEqual(newestFirst().slice(0, 4));
    expect(await ids(`?upto=${second.start}`)).toEqual(newestFirst().slice(4));
    expect(await ids(`?since=${second.start}&upto=${third.start}`)).toEqual([third.activationId, second.activationId]);
    expect(await ids(`?since=${Date.now() + 100_000}`)).toEqual([]);
    expect(await ids(`?name=echo&since=${third.start}`)).toHaveLength(2);
  });

  test('is counted, with its filters', async () => {
    const count = async (query: string): Promise<unknown> =>
      (await platform.api.get(`_/activations?count=true${query}`)).json;
    expect(await count('')).toEqual({ activations: 6 });
    expect(await count('&name=echo')).toEqual({ activations: 4 });
    expect(await count(`&since=${made[2]!.start}`)).toEqual({ activations: 4 });
    expect(await count('&skip=2')).toEqual({ activations: 4 });
  });

  test('follows what happens, as polling clients do', async () => {
    const last = (await platform.api.get('_/activations?docs=true&limit=1')).json[0] as ActivationRecord;
    const next = await record(platform.api, 'echo', { i: 'polled' });
    const polled = (await platform.api.get(`_/activations?docs=true&limit=0&since=${last.start + 1}`))
      .json as ActivationRecord[];
    expect(polled.map(({ activationId }) => activationId)).toContain(next.activationId);
    expect(polled[0]!.logs).toHaveLength(1);
    made.push(next);
  });

  test.each([
    [
      'name=a/b/c',
      "The query parameter 'name' was malformed:\nParameter may be a 'simple' name or 'package-name/simple' name: a/b/c",
    ],
    ['since=x', "The query parameter 'since' was malformed:\nParameter is not a valid value for epoch seconds: x"],
    ['upto=1.5', "The query parameter 'upto' was malformed:\nParameter is not a valid value for epoch seconds: 1.5"],
    [
      'limit=500',
      "The query parameter 'limit' was malformed:\nThe value '500' is not in the range of 0 to 200 for activations.",
    ],
    ['docs=true&count=true', "The parameter 'docs' is not permitted with 'count'."],
  ])('%s is 400', async (query, error) => {
    expect(await platform.api.get(`_/activations?${query}`)).toMatchObject({ status: 400, json: { error } });
  });
});

describe('one record (OW-50)', () => {
  test('is got whole, or its result, or its logs', async () => {
    const one = made[0]!;
    const path = `_/activations/${one.activationId}`;
    expect(await platform.api.get(path)).toMatchObject({ status: 200, json: one });
    expect(await platform.api.get(`${path}/`)).toMatchObject({ status: 200, json: one });
    expect((await platform.api.get(`${path}/result`)).json).toEqual(one.response);
    expect((await platform.api.get(`${path}/logs`)).json).toEqual({ logs: one.logs });
  });

  test.each([
    ['a'.repeat(32), 404, 'The requested resource does not exist.'],
    ['abc', 400, 'Activation id length is 3 but must be 32.'],
    ['g'.repeat(32), 400, 'The activation id is not valid.'],
    ['a'.repeat(33), 400, 'Activation id length is 33 but must be 32.'],
  ])('%s is %d', async (id, status, error) => {
    for (const rest of ['', '/logs', '/result'])
      expect(await platform.api.get(`_/activations/${id}${rest}`)).toMatchObject({ status, json: { error } });
  });

  test('cannot be written or deleted', async () => {
    for (const method of ['PUT', 'POST', 'DELETE']) {
      const reply = await platform.api.ask(method, `_/activations/${made[0]!.activationId}`, { body: {} });
      expect(reply.status).toBeGreaterThanOrEqual(404);
      // DELETE cancels (DV-19), and this one has ended.
      expect(reply.status).toBeLessThanOrEqual(method === 'DELETE' ? 409 : 404);
    }
    expect((await platform.api.get(`_/activations/${made[0]!.activationId}`)).status).toBe(200);
  });
});

describe('what is kept between starts', () => {
  test('entities, records and the key', async () => {
    const before = { actions: (await platform.api.get('_/actions')).json, records: await ids('?limit=0') };
    const { options, authorization } = platform;
    await platform.stop();
    platform = await suite.start({ dataDir: options.dataDir });
    expect(platform.authorization).toBe(authorization);
    expect((await platform.api.get('_/actions')).json).toEqual(before.actions);
    expect(await ids('?limit=0')).toEqual(before.records);
    expect(await stored(platform.api, made[0]!.activationId)).toEqual(made[0]);
    const { response } = await record(platform.api, 'seq', { i: 'after' });
    expect(response.result).toEqual({ i: 'after' });
  });
});
