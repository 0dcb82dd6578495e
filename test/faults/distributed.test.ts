import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { until } from '@dataflower/common/testing';
import { type ActivationRecord, byKey, putAction, putGated, putSequence, result, run } from '../testing/calls.js';
import { Cluster, type Shim } from '../testing/cluster.js';
import type { Reply } from '../testing/api.js';
import { type Platform, dataflower } from '../testing/platform.js';
import { isRunning } from '../testing/processes.js';
import { Suite } from '../testing/suite.js';

// Plugin and shim as separate processes, one of them killed, stopped or cut off.

const suite = Suite.open();
const INTERNAL_ERROR = 'There was an internal server error.';
let cluster: Cluster;
let shim: Shim;
let plugin: Platform;
let gates = 0;

beforeEach(async () => {
  cluster = await Cluster.open(suite);
  [shim, plugin] = await Promise.all([cluster.shim(), cluster.plugin()]);
  const { api } = plugin;
  await putAction(api, 'inc', 'function main({n}){return {n:n+1}}');
  await putSequence(api, 'chain', ['inc', 'inc', 'inc']);
  await putGated(api, 'gated');
  expect(await result(api, 'chain', { n: 1 })).toEqual({ n: 4 });
});

afterEach(async () => {
  await plugin.stop();
  await cluster.close();
});

const shimSays = async (path: '/metrics' | '/health'): Promise<string> =>
  (await fetch(`${cluster.operationsUrl}${path}`)).text();

/** Starts one that runs until `open` is called. */
async function runningOne(): Promise<{ readonly answer: Promise<Reply>; open(): void }> {
  const gate = join(suite.directory, `gate-${++gates}`);
  const answer = run(plugin.api, 'gated', { gate });
  answer.catch(() => undefined);
  await until(async () => /^dataflower_runs_running 1$/m.test(await shimSays('/metrics')), { what: 'its run' });
  return { answer, open: () => writeFileSync(gate, '') };
}

async function recordsOf(name: string): Promise<ActivationRecord[]> {
  const reply = await plugin.api.get(`_/activations?name=${name}&docs=true&limit=200`);
  expect(reply.status).toBe(200);
  return reply.json as ActivationRecord[];
}

describe('a shim', () => {
  test('that is killed fails what it ran, with a record; started again, it serves', async () => {
    const { answer } = await runningOne();
    const containers = shim.containers();
    await shim.kill();
    const { status, json } = await answer;
    expect(status).toBe(500);
    expect(json).toMatchObject({ response: { status: 'whisk internal error', result: { error: INTERNAL_ERROR } } });
    expect((await plugin.api.get(`_/activations/${json.activationId}`)).json).toEqual(json);

    // Nobody is there: OpenWhisk's 503, and it says so.
    expect(await run(plugin.api, 'inc', { n: 1 })).toMatchObject({ status: 503 });
    expect((await plugin.api.get('/health')).status).toBe(503);
    await until(() => !containers.some(isRunning), { what: 'the containers of the killed shim to be gone' });

    shim = await cluster.shim();
    await until(async () => (await plugin.api.get('/health')).status === 200, { what: 'the plugin to be ready' });
    expect(await result(plugin.api, 'chain', { n: 1 })).toEqual({ n: 4 });
    expect(await recordsOf('gated')).toHaveLength(1);
    expect(await recordsOf('inc')).toHaveLength(6);
  });

  test('that is killed and back at once fails at once what it ran, and takes what came meanwhile', async () => {
    const { answer } = await runningOne();
    await shim.kill();
    const held = run(plugin.api, 'chain', { n: 1 });
    shim = await cluster.shim();
    expect(await answer).toMatchObject({ status: 500 });
    const { status, json } = await held;
    // Held until it was back, or refused with a record when that took over 4 s.
    if (status === 200) expect(json.response.result).toEqual({ n: 4 });
    else expect(json).toMatchObject({ response: { status: 'whisk internal error' } });
    await until(async () => (await plugin.api.get('/health')).status === 200, { what: 'the plugin to be ready' });
    expect(await result(plugin.api, 'chain', { n: 1 })).toEqual({ n: 4 });
  });

  test('that only hangs is given up too; when it goes on, it stops what was given up', async () => {
    const { answer } = await runningOne();
    shim.signal('SIGSTOP');
    const { status, json } = await answer;
    expect(status).toBe(500);
    shim.signal('SIGCONT');
    await until(async () => (await plugin.api.get('/health')).status === 200, { what: 'the plugin to be ready' });
    await until(async () => /^dataflower_activations 0$/m.test(await shimSays('/metrics')), {
      what: 'what was given up to be stopped',
    });
    expect(await recordsOf('gated')).toEqual([json]);
    expect(await result(plugin.api, 'chain', { n: 1 })).toEqual({ n: 4 });
  });

  test.each(['before the plugin is back', 'after it'])(
    'that only hangs, and whose plugin is killed, has no word against what the caller was told: it goes on %s',
    async (when) => {
      const { answer, open } = await runningOne();
      const done = await result(plugin.api, 'inc', { n: 1 });
      expect(done).toEqual({ n: 2 });
      shim.signal('SIGSTOP');
      const { status, json } = await answer;
      expect(status).toBe(500);
      await plugin.kill();
      if (when === 'after it') {
        plugin = await cluster.plugin();
        shim.signal('SIGCONT');
      } else {
        shim.signal('SIGCONT');
        open();
        await until(async () => /^dataflower_activations 0$/m.test(await shimSays('/metrics')), { what: 'it to end' });
        plugin = await cluster.plugin();
      }
      await until(async () => (await plugin.api.get('/health')).status === 200, { what: 'the plugin to be ready' });
      await until(async () => /^dataflower_activations 0$/m.test(await shimSays('/metrics')), {
        what: 'what was given up to be stopped',
      });
      open();
      const seen = async (): Promise<void> => {
        expect((await plugin.api.get(`_/activations/${json.activationId}`)).json).toEqual(json);
        expect(await recordsOf('gated')).toEqual([json]);
        expect((await plugin.api.get('_/activations?name=gated&limit=1')).json).toMatchObject([{ statusCode: 3 }]);
        expect((await plugin.api.get('_/activations?name=gated&count=true')).json).toEqual({ activations: 1 });
      };
      await seen();
      // The host itself says the same, to whoever asks it.
      await plugin.stop();
      rmSync(join(cluster.dataDir, 'records'), { recursive: true });
      plugin = await cluster.plugin();
      await until(async () => (await plugin.api.get('/health')).status === 200, { what: 'the plugin to be ready' });
      if (when === 'before the plugin is back') await seen();
      else expect(await recordsOf('gated')).toEqual([]);
    },
    300_000,
  );

  test('that is asked to stop answers what it runs', async () => {
    const { answer, open } = await runningOne();
    const stopped = shim.stop();
    await until(async () => (await run(plugin.api, 'inc', { n: 1 })).status === 503, { what: 'the plugin to know' });
    open();
    expect(await answer).toMatchObject({ status: 200, json: { response: { result: { done: true } } } });
    expect(await stopped).toBe(0);
    shim = await cluster.shim();
    await until(async () => (await run(plugin.api, 'inc', { n: 1 })).status === 200, { what: 'it to be back' });
    expect(await recordsOf('gated')).toHaveLength(1);
  });
});

describe('records of a host that is away', () => {
  const UNREADABLE = /^Some activation records cannot be read now: those of the host host0\./;

  async function expectUnreadable(activationId: string): Promise<void> {
    const paths = [
      `_/activations/${activationId}`,
      `_/activations/${activationId}/result`,
      '_/activations',
      '_/activations?count=true',
    ];
    for (const path of [...paths, '_/activations?skip=1&docs=true', `_/activations/${'0'.repeat(32)}`]) {
      const reply = await plugin.api.get(path);
      expect(reply.status).toBe(503);
      expect(reply.json.error).toMatch(UNREADABLE);
    }
  }

  const lost = (): Promise<unknown> =>
    until(async () => (await plugin.api.get('_/activations')).status === 503, { what: 'it to be lost' });

  test('are neither absent nor few: 503, until it is back', async () => {
    const { json } = await run(plugin.api, 'inc', { n: 1 });
    await shim.kill();
    await lost();
    await expectUnreadable(json.activationId);
    // A plugin that has never spoken with it knows no better.
    await plugin.stop();
    plugin = await cluster.plugin();
    await expectUnreadable(json.activationId);
    shim = await cluster.shim();
    await until(async () => (await plugin.api.get('_/activations')).status === 200, { what: 'it to be read' });
    expect((await plugin.api.get(`_/activations/${json.activationId}`)).json).toEqual(json);
    expect(await recordsOf('inc')).toHaveLength(4);
  });

  test('leave those of the plugin to be read by their id', async () => {
    const { answer } = await runningOne();
    await shim.kill();
    const { json } = await answer;
    expect((await plugin.api.get(`_/activations/${json.activationId}`)).json).toEqual(json);
    await expectUnreadable('1'.repeat(32));
  });
});

test('of two hosts, one of them away, the other runs and its records are read by their ids; lists wait for both', async () => {
  await plugin.stop();
  await cluster.close();
  cluster = await Cluster.open(suite, {}, 2);
  [shim, , plugin] = await Promise.all([cluster.shim('host0'), cluster.shim('host1'), cluster.plugin()]);
  await until(async () => (await plugin.api.get('/health')).json.status === 'ready', { what: 'both to be connected' });
  const { api } = plugin;
  await putGated(api, 'gated');
  const gate = join(suite.directory, `gate-${++gates}`);
  // Neither ends before both are taken: each host has one.
  const answers = [run(api, 'gated', { gate }), run(api, 'gated', { gate })];
  await until(
    async () => {
      const unanswered = (await api.get('/metrics')).text.match(/^dataflower_host_unanswered{.*} 1$/gm);
      return unanswered?.length === 2;
    },
    { what: 'both to be taken' },
  );
  writeFileSync(gate, '');
  const records = (await Promise.all(answers)).map(({ json }) => json as ActivationRecord);
  const of = (host: string): ActivationRecord =>
    records.find(({ annotations }) => byKey(annotations)['dataflow'].host === host)!;
  const [away, here] = [of('host0'), of('host1')];
  await shim.kill();
  await until(async () => (await api.get('_/activations')).status === 503, { what: 'it to be lost' });
  expect((await api.get('_/activations')).json.error).toContain('those of the host host0.');
  expect((await api.get(`_/activations/${here.activationId}`)).json).toEqual(here);
  expect((await api.get(`_/activations/${away.activationId}`)).status).toBe(503);
  expect((await run(api, 'gated', { gate })).status).toBe(200);
  shim = await cluster.shim('host0');
  await until(async () => (await api.get('_/activations?count=true')).status === 200, { what: 'both to be read' });
  expect((await api.get('_/activations?count=true')).json).toEqual({ activations: 3 });
  expect((await api.get(`_/activations/${away.activationId}`)).json).toEqual(away);
});

describe('a plugin', () => {
  test('that is killed leaves what runs to the shim; started again, it finds the record', async () => {
    const { answer, open } = await runningOne();
    const { pid } = plugin;
    await plugin.kill();
    await expect(answer).rejects.toThrow();
    const status = await dataflower(['status', '--data', cluster.dataDir]);
    expect(status.stderr).toContain(`(process ${pid} has crashed or was killed)`);
    await until(() => Promise.resolve(shim.output().includes('a plugin is gone')), { what: 'the shim to say so' });
    open();
    plugin = await cluster.plugin();
    expect(plugin.output()).toContain('the process before this one has ended without being stopped');
    const [record] = await until(
      async () => {
        const found = await recordsOf('gated');
        return found.length > 0 ? found : undefined;
      },
      { what: 'the record' },
    );
    expect(record!.response).toMatchObject({ status: 'success', result: { done: true } });
    expect(await result(plugin.api, 'chain', { n: 1 })).toEqual({ n: 4 });
  });

  test('that was stopped for longer than a host may be silent gives nothing up', async () => {
    const { answer, open } = await runningOne();
    plugin.signal('SIGSTOP');
    await until(async () => (await shimSays('/health')).includes('no plugin is connected'), {
      what: 'the shim to miss it',
    });
    plugin.signal('SIGCONT');
    open();
    expect(await answer).toMatchObject({ status: 200 });
    expect(await recordsOf('gated')).toHaveLength(1);
  });
});

test('a connection that is cut again and again under load loses nothing and answers nothing twice', async () => {
  const replies: Reply[] = [];
  let going = true;
  const callers = Array.from({ length: 8 }, async (_, id) => {
    for (let n = 0; going; n++) replies.push(await run(plugin.api, (id + n) % 2 === 0 ? 'inc' : 'chain', { n }));
  });
  for (let cuts = 0; cuts < 10; cuts++) {
    const now = replies.length;
    await until(() => replies.length >= now + 20, { what: 'more answers' });
    cluster.cut();
  }
  going = false;
  await Promise.all(callers);
  expect(replies.filter(({ status }) => status !== 200)).toEqual([]);
  const ids = replies.map(({ json }) => (json as ActivationRecord).activationId);
  expect(new Set(ids).size).toBe(ids.length);
  // One of each was made before the load: nothing ran but what was answered.
  const chains = replies.filter(({ json }) => (json as ActivationRecord).name === 'chain').length + 1;
  const incs = replies.length + 1 - chains + 3 * chains;
  const count = async (name: string): Promise<number> =>
    (await plugin.api.get(`_/activations?name=${name}&count=true`)).json.activations as number;
  expect(await count('chain')).toBe(chains);
  expect(await count('inc')).toBe(incs);
});

test('code too large for its document gets to the shim, once for all its containers', async () => {
  const filler = `/* ${'x'.repeat(3_000_000)} */`;
  await putAction(plugin.api, 'large', `${filler} function main(){return {large:true}}`);
  expect(await result(plugin.api, 'large')).toEqual({ large: true });
  await putAction(plugin.api, 'large', `${filler} function main(){return {large:'again'}}`);
  expect(await result(plugin.api, 'large')).toEqual({ large: 'again' });
  expect(existsSync(join(cluster.dataDir, 'hosts', 'host0', 'records'))).toBe(true);
  expect(shim.output()).not.toContain(cluster.environment['DATAFLOWER_CLUSTER_SECRET']);
});
