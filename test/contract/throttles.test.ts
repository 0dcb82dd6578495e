import { writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { until } from '@dataflower/common/testing';
import { putAction, putGated, putSequence, run } from '../testing/calls.js';
import type { Platform } from '../testing/platform.js';
import { Suite } from '../testing/suite.js';

const suite = Suite.open();
const TOO_MANY = /^Too many requests in the last minute \(count: (\d+), allowed: 60\)\.$/;

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
  });

  /** More calls at once than a minute allows; gives the counts that the refused ones were told, in order. */
  async function refusedOfMany(): Promise<number[]> {
    const names = Array.from({ length: 61 }, (_, i) => (i % 10 === 0 ? 'three' : 'nothing'));
    const replies = await Promise.all(names.map((name) => run(platform.api, name)));
    const counts = replies.flatMap(({ status, json }, i) => {
      if (status === 429) return [Number(TOO_MANY.exec(json.error as string)?.[1])];
      expect(status).toBe(names[i] === 'three' ? 200 : 404);
      return [];
    });
    return counts.sort((a, b) => a - b);
  }

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
      await until(async () => (await platform.api.get(`_/activations/${json.activationId}`)).status === 200, {
        what: 'a held one to end',
      });
    expect((await run(platform.api, 'three')).status).toBe(200);
  });

  test('the 61st in a minute is 429; a call of nothing counts, parts of a sequence do not, refused ones do', async () => {
    // The minute of the server's clock may end in between: then it counts anew.
    const counts = await until(
      async () => {
        const found = await refusedOfMany();
        return found[0] === 61 && found;
      },
      { what: 'the first refusal of a minute' },
    );
    expect(counts).toEqual(counts.map((_, i) => 61 + i));
    expect((await platform.api.get('_/actions/echo')).status).toBe(200);
  });

  test('credentials and names are looked at before, everything else after (OW-11)', async () => {
    expect((await platform.api.post('_/actions/echo', {}, { authorization: undefined })).status).toBe(401);
    expect((await platform.api.post('_/actions/$', {})).status).toBe(400);
    expect((await platform.api.post('/api/v1/namespaces/other/actions/echo', {})).status).toBe(403);
    await until(
      async () => {
        await refusedOfMany();
        return (await platform.api.post('_/actions/echo', '{')).status === 429;
      },
      { what: 'a refusal before the body is read' },
    );
  });
});

describe("with defaults fit for one's own machine (DV-1)", () => {
  test('200 calls at once are taken', async () => {
    const platform = await suite.start();
    await putAction(platform.api, 'echo', 'function main(a){return a}');
    const replies = await Promise.all(Array.from({ length: 200 }, (_, i) => run(platform.api, 'echo', { i })));
    expect(replies.map(({ json }) => json.response.result.i)).toEqual(replies.map((_, i) => i));
    await platform.stop();
  });

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
    await until(async () => (await platform.api.post('_/actions/waits?blocking=true', { gate })).status === 200, {
      what: 'room again',
    });
    await platform.stop();
  });
});
