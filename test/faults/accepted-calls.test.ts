import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { until } from '@dataflower/common/testing';
import type { Api } from '../testing/api.js';
import { type ActivationRecord, byKey, putAction, putGated, putSequence, run } from '../testing/calls.js';
import { Cluster, type Shim } from '../testing/cluster.js';
import type { Platform } from '../testing/platform.js';
import { Suite } from '../testing/suite.js';

// After the death of any process, an activation whose id has left has one record, and so has the workflow that a record names as its cause.

const rounds = Math.min(100, Math.max(1, Number(process.env['FAULT_ROUNDS'] ?? 1)));
const suite = Suite.open();
const toStop: { stop(): Promise<unknown> }[] = [];
let gates = 0;

afterEach(async () => {
  for (const one of toStop.splice(0).reverse()) await one.stop();
});

async function populate(api: Api): Promise<void> {
  await putAction(api, 'inc', 'function main(given){return {...given,n:given.n+1}}');
  await putAction(api, 'slow', 'async function main({n}){await new Promise(r=>setTimeout(r,30));return {n}}');
  await putSequence(api, 'chain', ['inc', 'slow', 'inc']);
  await putSequence(api, 'nested', ['inc', 'chain', 'slow']);
  await putGated(api, 'gated');
  await putSequence(api, 'stuck', ['inc', 'gated']);
}

const gate = (): string => join(suite.directory, `gate-${++gates}`);

/** Calls that do not wait, until told to stop: the ids that were received. */
function load(api: Api): { readonly ids: string[]; stop(): Promise<void> } {
  const ids: string[] = [];
  let going = true;
  const caller = async (id: number): Promise<void> => {
    for (let n = 0; going; n++) {
      const name = ['inc', 'chain', 'nested', 'slow'][(id + n) % 4]!;
      const reply = await api.post(`_/actions/${name}`, { n: 1 }).catch(() => undefined);
      if (reply === undefined) return;
      if (reply.status === 202) ids.push(reply.json.activationId as string);
    }
  };
  const all = Promise.all(Array.from({ length: 8 }, (_, id) => caller(id)));
  return {
    ids,
    stop: async () => {
      going = false;
      await all;
    },
  };
}

async function records(api: Api): Promise<ActivationRecord[]> {
  const found: ActivationRecord[] = [];
  for (;;) {
    const reply = await api.get(`_/activations?limit=200&docs=true&skip=${found.length}`);
    expect(reply.status).toBe(200);
    const page = reply.json as ActivationRecord[];
    found.push(...page);
    if (page.length < 200) return found;
  }
}

const isLost = ({ annotations }: ActivationRecord): boolean => byKey(annotations)['lost'] === true;

/** Resolves once each of the ids has a record; then there is one of each, and of each workflow that a part names. */
async function expectOneRecordEach(api: Api, ids: readonly string[]): Promise<ActivationRecord[]> {
  const missing = new Set(ids);
  await until(
    async () => {
      for (const id of missing) if ((await api.get(`_/activations/${id}`)).status === 200) missing.delete(id);
      return missing.size === 0;
    },
    { what: 'each activation to have a record', seen: () => [...missing] },
  );
  let all: ActivationRecord[] = [];
  await until(
    async () => {
      all = await records(api);
      const known = new Set(all.map(({ activationId }) => activationId));
      return all.every(({ cause }) => cause === undefined || known.has(cause));
    },
    { what: 'each part’s workflow to have a record' },
  );
  const known = all.map(({ activationId }) => activationId);
  expect(new Set(known).size).toBe(known.length);
  expect((await api.get('_/activations?count=true')).json).toEqual({ activations: known.length });
  expect(known).toEqual(expect.arrayContaining([...ids]));
  for (const one of all.filter(isLost)) {
    expect(one.response).toMatchObject({
      status: 'whisk internal error',
      result: { error: expect.stringMatching(/^There was an internal server error\.$/) },
    });
    expect(byKey(one.annotations)).toMatchObject({ lostReason: expect.any(String), limits: expect.any(Object) });
    expect(await api.get(`_/activations/${one.activationId}`)).toMatchObject({ status: 200, json: one });
  }
  return all;
}

describe('a server that is killed', () => {
  test.each(Array.from({ length: rounds }, (_, i) => i + 1))(
    'has a record of every call that it had accepted, and of every workflow with a part (round %d)',
    async () => {
      let platform = await suite.start();
      toStop.push({ stop: () => platform.stop() });
      const { api } = platform;
      await populate(api);
      // A blocking call whose answer reaches no client: its first part has a record.
      const stuck = run(api, 'stuck', { n: 1, gate: gate() }).then(
        () => 'answered',
        () => 'cut off',
      );
      await until(async () => (await records(api)).some(({ name }) => name === 'inc'), { what: 'its first part' });
      const begun = (await records(api)).find(({ name }) => name === 'inc')!;
      expect((await api.get(`_/activations/${begun.cause!}`)).status).toBe(404);
      // An activation that is certainly not over: a running function has no record yet.
      const held = (await api.post('_/actions/gated', { gate: gate() })).json.activationId as string;
      expect((await api.get(`_/activations/${held}`)).status).toBe(404);
      const work = load(api);
      await until(() => work.ids.length >= 150, { what: 'some calls' });
      await platform.kill();
      await work.stop();
      expect(await stuck).toBe('cut off');

      platform = await suite.start({ dataDir: platform.options.dataDir });
      const ids = [...work.ids, held, begun.cause!];
      const found = await expectOneRecordEach(platform.api, ids);
      const lost = found.filter(isLost);
      expect(lost.map(({ activationId }) => activationId)).toEqual(expect.arrayContaining([held, begun.cause!]));
      expect(lost.find(({ activationId }) => activationId === begun.cause)).toMatchObject({
        name: 'stuck',
        logs: [begun.activationId],
      });
      expect(platform.output()).toMatch(/an earlier process ended while these activations ran/);

      // Once and for all: the next start has nothing to complete.
      await platform.kill();
      platform = await suite.start({ dataDir: platform.options.dataDir });
      expect(await expectOneRecordEach(platform.api, ids)).toEqual(found);
    },
    300_000,
  );

  test('has one of a call whose wait was over, too', async () => {
    let platform = await suite.start();
    toStop.push({ stop: () => platform.stop() });
    await populate(platform.api);
    const path = '_/actions/gated?blocking=true&timeout=50';
    const { status, json } = await platform.api.post(path, { gate: gate() });
    expect(status).toBe(202);
    await platform.kill();
    platform = await suite.start({ dataDir: platform.options.dataDir });
    await expectOneRecordEach(platform.api, [json.activationId as string]);
  });
});

describe('plugin and shim', () => {
  let cluster: Cluster;
  let shim: Shim;
  let plugin: Platform;

  async function startBoth(): Promise<void> {
    cluster = await Cluster.open(suite);
    toStop.push({ stop: () => cluster.close() });
    [shim, plugin] = await Promise.all([cluster.shim(), cluster.plugin()]);
    toStop.push({ stop: () => plugin.stop() });
    await populate(plugin.api);
  }

  /** Two that run until their gate is opened, one of them a workflow, and some load: what was received. */
  async function accepted(): Promise<{
    readonly ids: string[];
    readonly held: string;
    open(): void;
    stop(): Promise<void>;
  }> {
    const file = gate();
    const start = async (name: string): Promise<string> =>
      (await plugin.api.post(`_/actions/${name}`, { n: 1, gate: file })).json.activationId as string;
    const held = await start('gated');
    const stuck = await start('stuck');
    const work = load(plugin.api);
    await until(() => work.ids.length >= 80, { what: 'some calls' });
    work.ids.push(held, stuck);
    return { ids: work.ids, held, open: () => writeFileSync(file, ''), stop: work.stop };
  }

  const statusOf = async (id: string): Promise<string> => {
    const { json } = await plugin.api.get(`_/activations/${id}`);
    return (json as ActivationRecord).response.status;
  };

  test('the plugin killed: what runs goes on, and the next plugin finds each record', async () => {
    await startBoth();
    const { ids, held, open, stop } = await accepted();
    await plugin.kill();
    await stop();
    plugin = await cluster.plugin();
    await until(async () => (await plugin.api.get('/health')).status === 200, { what: 'the plugin to be ready' });
    // Running activations are not taken for lost.
    expect((await plugin.api.get(`_/activations/${held}`)).status).toBe(404);
    open();
    const found = await expectOneRecordEach(plugin.api, ids);
    expect(await statusOf(held)).toBe('success');
    await plugin.kill();
    plugin = await cluster.plugin();
    expect(await expectOneRecordEach(plugin.api, ids)).toEqual(found);
  });

  test('the shim killed: the plugin says so of each', async () => {
    await startBoth();
    const { ids, held, stop } = await accepted();
    await shim.kill();
    await stop();
    shim = await cluster.shim();
    await expectOneRecordEach(plugin.api, ids);
    expect(await statusOf(held)).toBe('whisk internal error');
  });

  test.each([
    ['the shim is back first', ['shim', 'plugin']],
    ['the plugin is back first', ['plugin', 'shim']],
  ] as const)(
    'both killed, and %s',
    async (_title, order) => {
      await startBoth();
      const { ids, held, stop } = await accepted();
      await Promise.all([plugin.kill(), shim.kill()]);
      await stop();
      for (const next of order) {
        if (next === 'shim') shim = await cluster.shim();
        else plugin = await cluster.plugin();
      }
      await until(async () => (await plugin.api.get('/health')).status === 200, { what: 'the plugin to be ready' });
      const found = await expectOneRecordEach(plugin.api, ids);
      expect(await statusOf(held)).toBe('whisk internal error');
      await Promise.all([plugin.kill(), shim.kill()]);
      [shim, plugin] = await Promise.all([cluster.shim(), cluster.plugin()]);
      await until(async () => (await plugin.api.get('/health')).status === 200, { what: 'the plugin to be ready' });
      expect(await expectOneRecordEach(plugin.api, ids)).toEqual(found);
    },
    300_000,
  );

  test('the plugin killed, then the shim while nobody is connected', async () => {
    await startBoth();
    const { ids, held, stop } = await accepted();
    await plugin.kill();
    await stop();
    await until(() => shim.output().includes('a plugin is gone'), { what: 'the shim to say so' });
    await shim.kill();
    shim = await cluster.shim();
    plugin = await cluster.plugin();
    await until(async () => (await plugin.api.get('/health')).status === 200, { what: 'the plugin to be ready' });
    await expectOneRecordEach(plugin.api, ids);
    expect(await statusOf(held)).toBe('whisk internal error');
  });
});
