import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { until } from '@dataflower/common/testing';
import { byKey, parts, putAction, putGated, putGraph, putSequence, record, run, stored } from '../testing/calls.js';
import { metricsNow } from '../testing/api.js';
import { type Platform, dataflower } from '../testing/platform.js';
import { isRunning } from '../testing/processes.js';
import { Suite } from '../testing/suite.js';

const suite = Suite.open();
let platform: Platform;

/** Leaves a file `<pid>` with its activation id in the folder, and never ends by itself. */
const HANGS =
  "const fs=require('fs');function main({dir}){fs.writeFileSync(dir+'/'+process.pid+'.tmp',process.env.__OW_ACTIVATION_ID);" +
  "fs.renameSync(dir+'/'+process.pid+'.tmp',dir+'/'+process.pid);return new Promise(()=>{})}";
const UNKNOWN = '0'.repeat(32);

beforeAll(async () => {
  platform = await suite.start();
  const { api } = platform;
  await Promise.all([
    putAction(api, 'hangs', HANGS, { limits: { timeout: 60_000 } }),
    putAction(api, 'echo', 'function main(a){return a}'),
    putAction(
      api,
      'split',
      'async function main({n,dir},c){for(let i=0;i<n;i++)await c.emit("item",{i,dir});return {n}}',
    ),
    putAction(api, 'collect', 'function main(list){return {list}}'),
  ]);
  await putSequence(api, 'inner', ['echo', 'hangs']);
  await putSequence(api, 'outer', ['echo', 'inner', 'echo']);
  const node = (id: string, action: string, more: object) => ({ id, kind: 'action', action: `/_/${action}`, ...more });
  await putGraph(api, 'wide', {
    version: 1,
    nodes: [
      node('split', 'split', { inputs: { in: 'NORMAL' }, outputs: { item: 'FOREACH' } }),
      node('work', 'hangs', { inputs: { in: 'NORMAL' }, outputs: {} }),
      node('collect', 'collect', { inputs: { list: 'LIST' }, outputs: {} }),
    ],
    edges: [
      { from: '$USER.params', to: 'split.in' },
      { from: 'split.item', to: 'work.in' },
      { from: 'work.out', to: 'collect.list' },
      { from: 'collect.out', to: '$USER.result' },
    ],
  });
});

interface Hanging {
  readonly pid: number;
  readonly activationId: string;
}

/** The runs of `hangs` that have begun, once there are so many. */
async function hanging(dir: string, count: number): Promise<Hanging[]> {
  const names = (): string[] => readdirSync(dir).filter((name) => !name.endsWith('.tmp'));
  await until(() => names().length >= count, { what: `${count} runs have begun`, seen: names });
  return names().map((name) => ({ pid: Number(name), activationId: readFileSync(join(dir, name), 'utf8') }));
}

async function gone(pids: readonly { readonly pid: number }[]): Promise<void> {
  await until(() => pids.every(({ pid }) => !isRunning(pid)), { what: 'the containers are gone' });
}

/** Nothing of what was cancelled is resident. */
async function nothingLeft(): Promise<void> {
  const values = async (): Promise<Record<string, number>> => {
    const text = await metricsNow(platform.api);
    const read = (name: string): number => Number(new RegExp(`^${name} (\\d+)`, 'm').exec(text)?.[1]);
    return { values: read('dataflower_sink_values'), activations: read('dataflower_activations') };
  };
  let seen: Record<string, number> = {};
  await until(async () => (seen = await values()).values === 0 && seen['activations'] === 0, {
    what: 'no value and no activation is left',
    seen: () => seen,
  });
}

const cancel = (id: string, query = '', asking = {}) => platform.api.delete(`_/activations/${id}${query}`, asking);

describe('cancelling (DV-19)', () => {
  test('stops a function: its caller gets the error, its process is gone, its record says so', async () => {
    const dir = suite.folder('one');
    const answer = run(platform.api, 'hangs', { dir });
    const [it] = await hanging(dir, 1);
    const reply = await cancel(it!.activationId, '?reason=too%20slow');
    expect(reply).toMatchObject({ status: 202, json: { activationId: it!.activationId } });
    expect(await answer).toMatchObject({
      status: 502,
      json: {
        response: { status: 'action developer error', result: { error: 'The activation was cancelled: too slow' } },
      },
    });
    await gone([it!]);
    const kept = await stored(platform.api, it!.activationId);
    expect(kept.response.result).toEqual({ error: 'The activation was cancelled: too slow' });
    expect(byKey(kept.annotations)['cancelled']).toBe(true);
    expect(await cancel(it!.activationId)).toMatchObject({
      status: 409,
      json: { error: expect.stringContaining('has ended') },
    });
    await nothingLeft();
  });

  test.each(['dataflow', 'controlflow'])(
    'stops a fan-out and what waits behind it, and leaves its neighbours alone (%s)',
    async (paradigm) => {
      const headers = { 'X-Dataflower-Paradigm': paradigm };
      const dir = suite.folder('wide');
      const beside = suite.folder('beside');
      const gate = join(beside, 'gate');
      await putGated(platform.api, 'gated');
      const neighbour = run(platform.api, 'gated', { gate });
      const started = await platform.api.post('_/actions/wide', { n: 40, dir }, { headers });
      const id: string = started.json.activationId;
      const runs = await hanging(dir, 2);
      const part = await cancel(runs[0]!.activationId);
      expect(part).toMatchObject({ status: 409, json: { error: expect.stringContaining(id) } });
      expect(runs.every(({ pid }) => isRunning(pid))).toBe(true);

      expect((await cancel(id)).status).toBe(202);
      const top = await until(
        async () => {
          const reply = await platform.api.get(`_/activations/${id}`);
          return reply.status === 200 && reply.json;
        },
        { what: 'the record is there' },
      );
      expect(top.response).toMatchObject({ success: false, result: { error: 'The activation was cancelled.' } });
      expect(byKey(top.annotations)['cancelled']).toBe(true);
      await gone(runs);
      await nothingLeftBut(1);
      const records = await parts(platform.api, await stored(platform.api, id));
      const work = records.filter(({ name }) => name === 'hangs');
      expect(work.length).toBeGreaterThanOrEqual(runs.length);
      expect(work.length).toBeLessThanOrEqual(40);
      for (const { annotations, response } of work) {
        expect(byKey(annotations)['cancelled']).toBe(true);
        expect(response.result).toEqual({ error: 'The activation was cancelled.' });
      }
      writeFileSync(gate, '');
      expect(await neighbour).toMatchObject({ status: 200, json: { response: { result: { done: true } } } });
      await nothingLeft();
    },
  );

  test('of a workflow inside another is a matter of the whole', async () => {
    const dir = suite.folder('nested');
    const answer = run(platform.api, 'outer', { dir });
    const [it] = await hanging(dir, 1);
    const inside = await cancel(it!.activationId);
    expect(inside.status).toBe(409);
    const top = /part of ([0-9a-f]{32})/.exec(inside.json.error)![1]!;
    expect((await cancel(top)).status).toBe(202);
    expect((await answer).status).toBe(502);
    await gone([it!]);
    await nothingLeft();
    const whole = await stored(platform.api, top);
    const inner = (await parts(platform.api, whole)).find(({ name }) => name === 'inner')!;
    for (const cancelled of [whole, inner, await stored(platform.api, it!.activationId)]) {
      expect(byKey(cancelled.annotations)['cancelled']).toBe(true);
      expect(cancelled.response.result).toEqual({ error: 'The activation was cancelled.' });
    }
    expect((await cancel(inner.activationId)).status).toBe(409);
  });

  test('needs an id of one’s own namespace', async () => {
    const dir = suite.folder('foreign');
    const answer = run(platform.api, 'hangs', { dir });
    const [it] = await hanging(dir, 1);
    const added = await dataflower(['user', 'add', 'bob', '--data', platform.options.dataDir]);
    const authorization = added.stdout.trim().split(' ')[1]!;
    expect(await cancel(it!.activationId, '', { authorization })).toMatchObject({
      status: 404,
      json: { error: 'The requested resource does not exist.' },
    });
    expect((await platform.api.delete(`guest/activations/${it!.activationId}`, { authorization })).status).toBe(403);
    expect((await platform.api.delete(`_/activations/${it!.activationId}`, { authorization: undefined })).status).toBe(
      401,
    );
    for (const [id, status] of [
      [UNKNOWN, 404],
      ['abc', 400],
      ['G'.repeat(32), 400],
      [`${it!.activationId}?reason=${'x'.repeat(257)}`, 400],
      [`${it!.activationId}?reason=%1b%5b31m`, 400],
    ] as const)
      expect((await cancel(id)).status).toBe(status);
    expect(isRunning(it!.pid)).toBe(true);

    // By the command line, as its own user.
    const environment = { __OW_API_HOST: platform.url, __OW_API_KEY: platform.authorization };
    const { activationId } = it!;
    expect(await dataflower(['cancel', activationId, '--reason', 'enough'], { environment })).toMatchObject({
      code: 0,
      stdout: `ok: cancelled ${activationId}\n`,
    });
    expect((await answer).json.response.result).toEqual({ error: 'The activation was cancelled: enough' });
    expect(await dataflower(['cancel', activationId], { environment })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('has ended'),
    });
    expect((await dataflower(['cancel'], { environment })).code).toBe(2);
  });

  test('in the moment of the end, an activation ends either way, once, and its record is what its caller got', async () => {
    const dir = suite.folder('race');
    await putAction(
      platform.api,
      'brief',
      "function main({dir,i}){require('fs').writeFileSync(dir+'/'+i,process.env.__OW_ACTIVATION_ID);return {i}}",
    );
    const outcomes = await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        const answer = run(platform.api, 'brief', { dir, i });
        const path = join(dir, String(i));
        const id = await until(() => existsSync(path) && (readFileSync(path, 'utf8') || undefined), {
          what: 'it has begun',
        });
        const { status } = await cancel(id);
        expect([202, 409]).toContain(status);
        const { json } = await answer;
        const kept = await stored(platform.api, id);
        expect(kept.response.result).toEqual(json.response.result);
        const cancelled = byKey(kept.annotations)['cancelled'] === true;
        expect(kept.response.result).toEqual(cancelled ? { error: 'The activation was cancelled.' } : { i });
        // A refused request has cancelled nothing.
        if (status === 409) expect(cancelled).toBe(false);
        return status;
      }),
    );
    expect(outcomes).toHaveLength(40);
    await nothingLeft();
  });

  test('what was answered and still runs is cancelled too, and its record keeps the answer', async () => {
    const dir = suite.folder('answered');
    await putAction(
      platform.api,
      'early',
      'async function main(a,c){await c.emit("now",{early:true});await c.emit("on",a);return {}}',
    );
    await putGraph(platform.api, 'answers-early', {
      version: 1,
      nodes: [
        {
          id: 'early',
          kind: 'action',
          action: '/_/early',
          inputs: { in: 'NORMAL' },
          outputs: { now: 'NORMAL', on: 'NORMAL' },
        },
        { id: 'work', kind: 'action', action: '/_/hangs', inputs: { in: 'NORMAL' }, outputs: {} },
      ],
      edges: [
        { from: '$USER.params', to: 'early.in' },
        { from: 'early.now', to: '$USER.result' },
        { from: 'early.on', to: 'work.in' },
      ],
    });
    const { activationId } = await record(platform.api, 'answers-early', { dir });
    const runs = await hanging(dir, 1);
    expect((await cancel(activationId)).status).toBe(202);
    await gone(runs);
    await nothingLeft();
    const kept = await stored(platform.api, activationId);
    expect(kept.response).toMatchObject({ success: true, result: { early: true } });
    expect(byKey(kept.annotations)['cancelled']).toBe(true);
    expect(kept.logs).toHaveLength(2);
  });
});

async function nothingLeftBut(activations: number): Promise<void> {
  await until(
    async () => {
      const text = await metricsNow(platform.api);
      return Number(/^dataflower_activations (\d+)/m.exec(text)?.[1]) === activations;
    },
    { what: 'only the neighbours are left' },
  );
}
