import { beforeAll, describe, expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { putAction, putGated, putSequence, run } from '../kit/calls.js';
import type { Platform } from '../kit/platform.js';
import { Suite } from '../kit/suite.js';
import { until } from '../kit/until.js';

const suite = Suite.open();
const MINUTE_MS = 60_000;

/** Counts are of the minute of the clock: a test that needs them in one starts with enough of it left. */
async function early(): Promise<void> {
  await until('a minute that has just begun', () => MINUTE_MS - (Date.now() % MINUTE_MS) > 8000, { withinMs: 9000 });
}

describe("with OpenWhisk's numbers (OW-43)", () => {
  let platform: Platform;

  beforeAll(async () => {
    platform = await suite.start({
      environment: {
        DATAFLOWER_THROTTLES_INVOCATIONS_PER_MINUTE: '60',
        DATAFLOWER_THROTTLES_CONCURRENT_INVOCATIONS: '30',
      },
    });
    await putAction(platform.api, 'echo', 'function main(a){return a}');
    await putSequence(platform.api, 'three', ['echo', 'echo', 'echo']);
    await putGated(platform.api, 'waits', { limits: { memory: 128 } });
    await early();
  }, 30_000);

  test('the namespace is told its limits', async () => {
    expect((await platform.api.get('_/limits')).json).toMatchObject({
      invocationsPerMinute: 60,
      concurrentInvocations: 30,
    });
    expect((await platform.api.get('/')).json.limits).toMatchObject({ actions_per_minute: 60, concurrent_actions: 30 });
  });

  test('the 31st at once is 429, and there is room again when one has ended', async () => {
    const gate = `${suite.directory}/gate`;
    const held = await Promise.all(Array.from({ length: 30 }, () => platform.api.post('_/actions/waits', { gate })));
    expect(held.every(({ status }) => status === 202)).toBe(true);
    const refused = await run(platform.api, 'echo');
    expect(refused).toMatchObject({
      status: 429,
      json: { error: 'Too many concurrent requests in flight (count: 30, allowed: 30).' },
    });
    expect(refused.headers).not.toHaveProperty('retry-after');
    writeFileSync(gate, '');
    for (const { json } of held)
      await until(
        'a held one to end',
        async () => (await platform.api.get(`_/activations/${json.activationId}`)).status === 200,
        { withinMs: 20_000 },
      );
    expect((await run(platform.api, 'three')).status).toBe(200);
  }, 60_000);

  test('the 61st in a minute is 429; a call of nothing counts, parts of a sequence do not, refused ones do', async () => {
    await early();
    // Whatever was counted before: the first refusal tells where the count is.
    let count = 0;
    for (; count < 61; count++) {
      const reply = count % 2 === 0 ? await run(platform.api, 'nothing') : await run(platform.api, 'three');
      if (reply.status === 429) {
        expect(reply.json.error).toBe('Too many requests in the last minute (count: 61, allowed: 60).');
        break;
      }
      expect(reply.status).toBe(count % 2 === 0 ? 404 : 200);
    }
    expect(count).toBeGreaterThan(0);
    expect(count).toBeLessThanOrEqual(60);
    expect((await run(platform.api, 'nothing')).json.error).toBe(
      'Too many requests in the last minute (count: 62, allowed: 60).',
    );
    expect((await platform.api.get('_/actions/echo')).status).toBe(200);
  }, 60_000);

  test('credentials and names are looked at before, everything else after (OW-11)', async () => {
    expect((await platform.api.post('_/actions/echo', {}, { authorization: undefined })).status).toBe(401);
    expect((await platform.api.post('_/actions/$', {})).status).toBe(400);
    expect((await platform.api.post('/api/v1/namespaces/other/actions/echo', {})).status).toBe(403);
    expect((await platform.api.post('_/actions/echo', '{')).status).toBe(429);
  });
});

describe("with defaults fit for one's own machine (DV-1)", () => {
  test('200 calls at once are taken', async () => {
    const platform = await suite.start();
    await putAction(platform.api, 'echo', 'function main(a){return a}');
    const replies = await Promise.all(Array.from({ length: 200 }, (_, i) => run(platform.api, 'echo', { i })));
    expect(replies.map(({ json }) => json.response.result.i)).toEqual(replies.map((_, i) => i));
    await platform.stop();
  }, 60_000);

  test('the bound on everything that waits is 429 too', async () => {
    const platform = await suite.start({
      environment: { DATAFLOWER_THROTTLES_QUEUED_ACTIVATIONS: '3', DATAFLOWER_CONTAINERS_MAX: '1' },
    });
    await putGated(platform.api, 'waits');
    const gate = `${suite.directory}/gate2`;
    for (let i = 0; i < 3; i++) expect((await platform.api.post('_/actions/waits', { gate })).status).toBe(202);
    const refused = await platform.api.post('_/actions/waits', { gate });
    expect(refused.status).toBe(429);
    expect(refused.json.error).toMatch(/^Too many/);
    writeFileSync(gate, '');
    await until(
      'room again',
      async () => (await platform.api.post('_/actions/waits?blocking=true', { gate })).status === 200,
    );
    await platform.stop();
  }, 30_000);
});
