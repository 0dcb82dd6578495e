import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from '@jest/globals';
import { until } from '@dataflower/common/testing';
import { type ActivationRecord, putAction, putGraph, putSequence, result, run } from '../testing/calls.js';
import { type Json, metricsNow } from '../testing/api.js';
import type { Platform } from '../testing/platform.js';
import { isRunning, killHard, processesThatName } from '../testing/processes.js';
import { Suite } from '../testing/suite.js';

// FAULT_ROUNDS=20 is the long form: the same, as often as that. Once in the normal run.
const rounds = Math.min(100, Math.max(1, Number(process.env['FAULT_ROUNDS'] ?? 1)));
const suite = Suite.open();
const running: Platform[] = [];

afterEach(async () => {
  for (const platform of running.splice(0)) await platform.stop();
});

async function start(...args: Parameters<Suite['start']>): Promise<Platform> {
  const platform = await suite.start(...args);
  running.push(platform);
  return platform;
}

async function populate({ api }: Platform): Promise<void> {
  await putAction(api, 'inc', 'function main({n}){console.log(n);return {n:n+1}}');
  await putAction(api, 'slow', 'async function main({n}){await new Promise(r=>setTimeout(r,20));return {n}}');
  await putSequence(api, 'chain', ['inc', 'slow', 'inc']);
  await putAction(
    api,
    'scatter',
    "async function main({n},c){for(let i=0;i<n;i++)await c.emit('item',{n:i,data:Buffer.alloc(100000)});return {}}",
  );
  await putAction(api, 'collect', 'function main(list){return {sum:list.reduce((a,{n})=>a+n,0)}}');
  const action = (id: string, inputs: object, outputs: object) => ({
    id,
    kind: 'action',
    action: `/_/${id}`,
    inputs,
    outputs,
  });
  await putGraph(api, 'fan', {
    version: 1,
    nodes: [
      action('scatter', { in: 'NORMAL' }, { item: 'FOREACH' }),
      action('inc', { in: 'NORMAL' }, {}),
      action('collect', { list: 'LIST' }, {}),
    ],
    edges: [
      { from: '$USER.params', to: 'scatter.in' },
      { from: 'scatter.item', to: 'inc.in' },
      { from: 'inc.out', to: 'collect.list' },
      { from: 'collect.out', to: '$USER.result' },
    ],
  });
}

/** Calls without a pause until told to stop; keeps what was answered, and how many calls were cut off. */
function load({ api }: Platform, callers: number): { answered: ActivationRecord[]; stop: () => Promise<number> } {
  const answered: ActivationRecord[] = [];
  let going = true;
  let cut = 0;
  const caller = async (id: number): Promise<void> => {
    for (let n = 0; going; n++) {
      const name = ['inc', 'chain', 'fan'][(id + n) % 3]!;
      try {
        const { status, json } = await run(api, name, { n: 3 });
        if (status === 200) answered.push(json as ActivationRecord);
      } catch {
        cut++;
        return;
      }
    }
  };
  const all = Promise.all(Array.from({ length: callers }, (_, id) => caller(id)));
  return {
    answered,
    stop: async () => {
      going = false;
      await all;
      return cut;
    },
  };
}

describe('a server that is killed under load', () => {
  test.each(Array.from({ length: rounds }, (_, i) => i + 1))(
    'has everything that was answered when it starts again (round %d)',
    async () => {
      let platform = await start();
      await populate(platform);
      const entities = (await platform.api.get('_/actions?limit=0')).json;
      const { dataDir } = platform.options;
      const work = load(platform, 12);
      await until(() => work.answered.length >= 60, { what: 'some answers' });
      const containers = platform.containers();
      expect(containers.length).toBeGreaterThan(0);
      // Another action is put at this very moment: if it was answered, it is there.
      const late = platform.api
        .put('_/actions/late', { exec: { kind: 'nodejs:20', code: 'function main(){return {late:true}}' } })
        .catch(() => undefined);
      await platform.kill();
      await work.stop();
      const lateAnswer = await late;

      platform = await start({ dataDir });
      expect(
        (await platform.api.get('_/actions?limit=0')).json.filter(({ name }: { name: string }) => name !== 'late'),
      ).toEqual(entities);
      if (lateAnswer?.status === 200) expect((await platform.api.get('_/actions/late')).json).toEqual(lateAnswer.json);
      for (const one of work.answered) {
        expect((await platform.api.get(`_/activations/${one.activationId}`)).json).toEqual(one);
        if (one.name === 'inc') continue;
        for (const id of one.logs)
          expect((await platform.api.get(`_/activations/${id}`)).json).toMatchObject({
            activationId: id,
            cause: one.activationId,
          });
      }
      // Every other listed record is whole: none is of half an activation.
      const { activations } = (await platform.api.get('_/activations?count=true')).json;
      for (let skip = 0; skip < activations; skip += 200) {
        for (const one of (await platform.api.get(`_/activations?limit=200&docs=true&skip=${skip}`))
          .json as ActivationRecord[]) {
          expect(one).toMatchObject({
            activationId: expect.stringMatching(/^[0-9a-f]{32}$/),
            start: expect.any(Number),
            end: expect.any(Number),
            response: { status: expect.any(String), result: expect.anything() },
          });
          expect(one.end).toBeGreaterThanOrEqual(one.start);
        }
      }
      await until(() => !containers.some(isRunning), {
        what: 'the containers of the killed server to be gone',
        seen: () => containers.filter(isRunning),
      });
      expect(await result(platform.api, 'chain', { n: 1 })).toEqual({ n: 3 });
      expect(await result(platform.api, 'fan', { n: 10 })).toEqual({ sum: 55 });
      await until(() => suite.sharedMemory().filter((name) => !name.includes(`-${platform.pid}-`)).length === 0, {
        what: 'what the killed server left to be removed',
      });
      await platform.stop();
      expect(readdirSync(suite.temporaryDir)).toEqual([]);
    },
    300_000,
  );

  test('leaves its data directory free for the next at once, and its port', async () => {
    let platform = await start();
    await populate(platform);
    const { dataDir } = platform.options;
    for (let round = 0; round < 3; round++) {
      await platform.kill();
      platform = await start({ dataDir });
      expect(await result(platform.api, 'inc', { n: round })).toEqual({ n: round + 1 });
    }
  });
});

describe('containers that are killed under load', () => {
  test.each(Array.from({ length: rounds }, (_, i) => i + 1))(
    'fail what they had started and nothing else (round %d)',
    async () => {
      const platform = await start();
      await populate(platform);
      const replies: { status: number; json: Json }[] = [];
      let going = true;
      const callers = Array.from({ length: 8 }, async (_, id) => {
        for (let n = 0; going; n++)
          replies.push(await run(platform.api, ['inc', 'chain', 'fan'][(id + n) % 3]!, { n: 3 }));
      });
      await until(() => replies.length >= 30, { what: 'some answers' });
      let killed = 0;
      for (; killed < 10; killed++) {
        const all = platform.containers();
        killHard(all[killed % Math.max(1, all.length)] ?? 0);
        const now = replies.length;
        await until(() => replies.length >= now + 5, { what: 'more answers' });
      }
      going = false;
      await Promise.all(callers);
      const failed = replies.filter(({ status }) => status !== 200);
      for (const { status, json } of failed) {
        expect(status).toBe(502);
        expect(json.response.result.error).toMatch(
          /^The action did not (produce a valid response|initialize) and exited unexpectedly\.$/,
        );
      }
      // A container that dies takes at most what it had begun: one call each, and some were idle.
      expect(failed.length).toBeLessThanOrEqual(killed);
      expect(await result(platform.api, 'fan', { n: 10 })).toEqual({ sum: 55 });
      await until(async () => /resident_bytes(?:\{[^}]*\})? 0\b/.test(await metricsNow(platform.api)), {
        what: 'nothing to be resident',
      });
    },
    300_000,
  );
});

describe('a server that is asked to stop', () => {
  test('lets running work end and answers it, takes no more, and leaves nothing', async () => {
    const platform = await start();
    await populate(platform);
    await putAction(
      platform.api,
      'held',
      "const fs=require('fs');async function main({began,gate,n}){fs.writeFileSync(began,'');while(!fs.existsSync(gate))await new Promise(r=>setTimeout(r,5));return {n}}",
    );
    const began = `${suite.folder('began')}/began`;
    const gate = `${suite.folder('gate')}/gate`;
    // The first of them runs; whether the others do or wait, they were accepted.
    const calls = Array.from({ length: 3 }, (_, n) => run(platform.api, 'held', { n, gate, began: `${began}-${n}` }));
    await until(() => [0, 1, 2].some((n) => existsSync(`${began}-${n}`)), { what: 'one of the calls to run' });
    platform.signal('SIGTERM');
    await until(() => platform.output().includes('Stopping'), { what: 'it to say that it stops' });
    writeFileSync(gate, '');
    const answers = await Promise.all(calls);
    expect(answers.map(({ status, json }) => [status, json.response.result])).toEqual(
      [0, 1, 2].map((n) => [200, { n }]),
    );
    expect(await platform.ended).toEqual({ code: 0, signal: null });
    expect(processesThatName(suite.temporaryDir)).toEqual([]);
    const again = await start({ dataDir: platform.options.dataDir });
    for (const { json } of answers)
      expect((await again.api.get(`_/activations/${json.activationId}`)).json).toEqual(json);
  });

  test('does not wait longer than it is told for work that does not end', async () => {
    const platform = await start({ environment: { DATAFLOWER_SERVER_DRAIN_MS: '300' } });
    await putAction(platform.api, 'endless', 'function main(){return new Promise(()=>{})}');
    const call = run(platform.api, 'endless').catch((error: unknown) => error as Error);
    await until(() => platform.containers().length > 0, { what: 'it to run' });
    // It ends at all: the call never would.
    await platform.stop();
    const answer = await call;
    if ('status' in answer) expect(answer.status).toBeGreaterThanOrEqual(500);
  });

  test('ends at once at a second signal', async () => {
    const platform = await start();
    await putAction(platform.api, 'endless', 'function main(){return new Promise(()=>{})}');
    void run(platform.api, 'endless').catch(() => undefined);
    await until(() => platform.containers().length > 0, { what: 'it to run' });
    const containers = platform.containers();
    platform.signal('SIGINT');
    await until(() => /second signal/.test(platform.output()), { what: 'it to say so' });
    // The same signal, passed on by a parent, does not count; one that comes later does.
    await until(
      () => {
        platform.signal('SIGINT');
        return !platform.isRunning;
      },
      { what: 'a second one to end it' },
    );
    const { code } = await platform.ended;
    expect(code).toBe(130);
    await until(() => !containers.some(isRunning), { what: 'its containers to be gone' });
    const next = await start({ dataDir: platform.options.dataDir });
    expect((await next.api.get('_/actions')).status).toBe(200);
  });
});
