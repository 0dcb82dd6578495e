import { expect, test } from '@jest/globals';
import { parts, putAction, putSequence, record, run } from '../testing/calls.js';
import type { Json } from '../testing/api.js';
import type { Platform } from '../testing/platform.js';
import { Suite } from '../testing/suite.js';

const suite = Suite.open();

function linesOf(platform: Platform): Json[] {
  return platform
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
}

async function prepared(level: string): Promise<Platform> {
  const platform = await suite.start({ environment: { DATAFLOWER_LOG_LEVEL: level } });
  await putAction(platform.api, 'echo', 'function main(a){return a}');
  await putSequence(platform.api, 'two', ['echo', 'echo']);
  return platform;
}

test('at debug an activation can be followed by its id from the request to the answer', async () => {
  const platform = await prepared('debug');
  const top = await record(platform.api, 'two', {}, { headers: { 'x-request-id': 'from-outside' } });
  const of = (id: string): Json[] => linesOf(platform).filter(({ activationId }) => activationId === id);
  const said = of(top.activationId).map(({ msg }) => msg);
  expect([...said].sort()).toEqual(['a workflow has answered', 'accepted', 'an activation starts', 'answered']);
  for (const line of of(top.activationId).filter(({ msg }) => msg !== 'a workflow has answered'))
    expect(line.transactionId).toBe('from-outside');
  for (const part of await parts(platform.api, top)) {
    expect(of(part.activationId)).toEqual([
      expect.objectContaining({
        msg: 'a function has ended',
        cause: top.activationId,
        name: 'echo',
        status: 0,
        container: expect.any(String),
        durationMs: expect.any(Number),
        queuedMs: expect.any(Number),
      }),
    ]);
  }
  expect(platform.output()).not.toContain(Buffer.from(platform.authorization).toString('base64'));
});

test('at info a healthy server tells of its start and its stop, and of no invocation', async () => {
  const platform = await prepared('info');
  for (let i = 0; i < 20; i++) await run(platform.api, 'two');
  await run(platform.api, 'nobody');
  await platform.stop();
  expect(linesOf(platform).map(({ msg }) => msg)).toEqual(['started', 'stopping']);
});
