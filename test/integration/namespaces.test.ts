import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { until } from '@dataflower/common/testing';
import { Api } from '../testing/api.js';
import { expectOk, putAction, putGated, putGraph, result } from '../testing/calls.js';
import { type Platform, dataflower } from '../testing/platform.js';
import { Suite } from '../testing/suite.js';

const suite = Suite.open();

/** The API as another user of a platform has it. */
async function other(platform: Platform, name: string): Promise<Api> {
  const added = await dataflower(['user', 'add', name, '--json', '--data', platform.options.dataDir], {
    environment: { HOME: suite.directory, TMPDIR: suite.temporaryDir },
  });
  const { authorization } = JSON.parse(added.stdout) as { authorization: string };
  return new Api(platform.url, authorization);
}

async function gauge(platform: Platform, name: string): Promise<number> {
  const { text } = await platform.api.get('/metrics');
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)![1]);
}

/** Calls without waiting for their ends; gives the activations' ids. */
const started = (api: Api, name: string, payloads: readonly object[]): Promise<string[]> =>
  Promise.all(
    payloads.map(async (payload) => {
      const reply = await api.post(`_/actions/${name}`, payload);
      expect(reply.status).toBe(202);
      return (reply.json as { activationId: string }).activationId;
    }),
  );

const ended = (api: Api, ids: readonly string[]): Promise<unknown> =>
  until(
    async () => {
      const replies = await Promise.all(ids.map((id) => api.get(`_/activations/${id}`)));
      return replies.every(({ status }) => status === 200);
    },
    { what: 'all to have ended' },
  );

describe('a namespace that has everything in use', () => {
  test('leaves containers for the first calls of others', async () => {
    const platform = await suite.start({ environment: { DATAFLOWER_CONTAINERS_MAX: '16' } });
    const gate = join(suite.directory, 'containers');
    await putGated(platform.api, 'waits');
    const ids = await started(
      platform.api,
      'waits',
      Array.from({ length: 60 }, () => ({ gate })),
    );
    await until(async () => (await gauge(platform, 'dataflower_runs_running')) >= 14, {
      what: 'it to have as many containers as it gets',
    });
    for (const name of ['alice', 'bob']) {
      const api = await other(platform, name);
      await putAction(api, 'hello', 'function main(){return {hello:process.env.__OW_NAMESPACE}}');
      expect(await result(api, 'hello')).toEqual({ hello: name });
      api.close();
    }
    expect(await gauge(platform, 'dataflower_runs_queued')).toBeGreaterThan(40);
    writeFileSync(gate, '');
    await ended(platform.api, ids);
    await platform.stop();
  });

  test('leaves the sink to others, its payloads that wait being on disk', async () => {
    const limitBytes = 4 * 1024 * 1024;
    const platform = await suite.start({
      environment: { DATAFLOWER_CONTAINERS_MAX: '8', DATAFLOWER_SINK_LIMIT_BYTES: String(limitBytes) },
    });
    const gate = join(suite.directory, 'sink');
    await putGated(platform.api, 'waits');
    const text = 'x'.repeat(1_000_000);
    const ids = await started(
      platform.api,
      'waits',
      Array.from({ length: 30 }, () => ({ gate, text })),
    );
    await until(async () => (await gauge(platform, 'dataflower_sink_spilled_bytes')) > 18e6, {
      what: 'what waits to be on disk',
    });
    const api = await other(platform, 'carol');
    await Promise.all([
      putAction(
        api,
        'split',
        "async function main(p,c){for(let i=0;i<20;i++)await c.emit('item',{i,b:Buffer.alloc(400000,i)});return {}}",
      ),
      putAction(api, 'work', 'function main({i,b}){return {right:b.length===400000&&b.every(v=>v===i)}}'),
      putAction(api, 'merge', 'function main(all){return {count:all.length,right:all.every(({right})=>right)}}'),
    ]);
    const node = (id: string, inputs: object = { in: 'NORMAL' }, outputs: object = {}) => ({
      id,
      kind: 'action',
      action: `/_/${id}`,
      inputs,
      outputs,
    });
    await putGraph(api, 'flow', {
      version: 1,
      nodes: [node('split', { in: 'NORMAL' }, { item: 'FOREACH' }), node('work'), node('merge', { all: 'LIST' })],
      edges: [
        { from: '$USER.params', to: 'split.in' },
        { from: 'split.item', to: 'work.in' },
        { from: 'work.out', to: 'merge.all' },
        { from: 'merge.out', to: '$USER.result' },
      ],
    });
    expect(await result(api, 'flow')).toEqual({ count: 20, right: true });
    writeFileSync(gate, '');
    await ended(platform.api, ids);
    for (const id of ids)
      expect(expectOk(await platform.api.get(`_/activations/${id}/result`))).toMatchObject({ success: true });
    await until(async () => (await gauge(platform, 'dataflower_sink_spilled_bytes')) === 0, {
      what: 'nothing to be left',
    });
    api.close();
    await platform.stop();
  });
});
