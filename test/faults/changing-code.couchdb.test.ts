import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { until } from '@dataflower/common/testing';
import { couchAddress, describeWithService, dropDatabases, newPrefix } from '@dataflower/services';
import { putAction, putGated, putGraph, putSequence, result, run } from '../testing/calls.js';
import type { Api } from '../testing/api.js';
import { Cluster } from '../testing/cluster.js';
import type { Platform } from '../testing/platform.js';
import { Suite } from '../testing/suite.js';

// Actions that are updated, annotated and deleted while activations that need them run: each runs what it was accepted with.

const suite = Suite.open();
/** One container at a time: that of a component starts when the one before it has ended. */
const ONE_BY_ONE = { DATAFLOWER_CONTAINERS_MAX: '1', DATAFLOWER_CONTAINERS_NAMESPACE_SHARE: '100' };
const FILLER = `/* ${'x'.repeat(40_000)} */`;
const large = (text: string): string =>
  `${FILLER} function main(p){return {...p, seen:[...(p.seen ?? []), ${JSON.stringify(text)}]}}`;
const annotate = (api: Api, name: string, value: unknown) =>
  api.put(`_/actions/${name}?overwrite=true`, { annotations: [{ key: 'note', value }] });

/** Files of gates so far, of all settings: one that is there is open. */
let gates = 0;

/** Platforms of one kind, and what is done with them behind their backs. */
interface Setting {
  readonly plugin: Platform;
  /** Another process that writes the same entities; undefined: there is none. */
  readonly other?: Platform;
  cut?(): void;
  compact?(): Promise<void>;
  readonly close: () => Promise<void>;
}

function changingCode(open: () => Promise<Setting>): void {
  let setting: Setting;
  let api: Api;
  beforeEach(async () => {
    setting = await open();
    ({ api } = setting.plugin);
    await until(async () => (await api.get('/health')).status === 200, { what: 'it to be ready', withinMs: 30_000 });
    // Their first container each: what is changed was not needed before.
    await putGated(api, 'gated');
    for (const name of ['a', 'b', 'c', 'd', 'e']) await putAction(api, name, large(`${name}1`));
    await putSequence(api, 'all', ['gated', 'a', 'b', 'c', 'd', 'e']);
  }, 90_000);
  afterEach(() => setting.close(), 60_000);

  /** Starts an action that begins with `gated`, and gives it back once that runs. */
  async function runningOne(name: string): Promise<{ readonly answer: ReturnType<typeof run>; open(): void }> {
    const gate = join(suite.directory, `gate-${process.pid}-${++gates}`);
    const answer = run(api, name, { gate });
    answer.catch(() => undefined);
    await until(
      async () => /^dataflower_\w*(activations|unanswered)\w*(\{.*\})? 1$/m.test((await api.get('/metrics')).text),
      { what: 'it to be accepted' },
    );
    return { answer, open: () => writeFileSync(gate, '') };
  }

  /** Everything that may become of an action. */
  async function change(by: Api): Promise<void> {
    await putAction(by, 'a', large('a2'));
    expect((await annotate(by, 'b', 1)).status).toBe(200);
    expect((await by.delete('_/actions/c')).status).toBe(200);
    await putAction(by, 'd', large('d2'));
    await putAction(by, 'd', large('d3'));
    expect((await by.delete('_/actions/e')).status).toBe(200);
    await putAction(by, 'e', large('e2'));
  }

  test('a sequence runs the components that were there when it was accepted, the next one those that are there then', async () => {
    const { answer, open: go } = await runningOne('all');
    await change(setting.other?.api ?? api);
    await setting.compact?.();
    setting.cut?.();
    go();
    const reply = await answer;
    expect(reply.json.response).toMatchObject({ result: { seen: ['a1', 'b1', 'c1', 'd1', 'e1'] } });
    await putSequence(api, 'left', ['a', 'b', 'd', 'e']);
    await until(
      async () => {
        const { seen } = await result(api, 'left');
        return JSON.stringify(seen) === JSON.stringify(['a2', 'b1', 'd3', 'e2']);
      },
      { what: 'the news to be heard' },
    );
    expect((await run(api, 'all', { gate: '/' })).json.response.result).toEqual({
      error: 'Sequence component does not exist.',
    });
  }, 90_000);

  test('what goes on behind the answer of a graph has its code too', async () => {
    const node = (id: string) => ({ id, kind: 'action', action: `/_/${id}`, inputs: { in: 'NORMAL' }, outputs: {} });
    await putAction(api, 'now', 'function main(p){return p}');
    await putGraph(api, 'early', {
      version: 1,
      nodes: [node('now'), node('gated'), node('a')],
      edges: [
        { from: '$USER.params', to: 'now.in' },
        { from: 'now.out', to: '$USER.result' },
        { from: 'now.out', to: 'gated.in' },
        { from: 'gated.out', to: 'a.in' },
      ],
    });
    const gate = join(suite.directory, `gate-${process.pid}-${++gates}`);
    expect((await run(api, 'early', { gate })).status).toBe(200);
    await change(setting.other?.api ?? api);
    await setting.compact?.();
    setting.cut?.();
    writeFileSync(gate, '');
    const [record] = await until(
      async () => {
        const found = (await api.get('_/activations?name=a&docs=true')).json as { response: unknown }[];
        return found.length > 0 ? found : undefined;
      },
      { what: 'its record' },
    );
    expect(record!.response).toMatchObject({ result: { done: true, seen: ['a1'] } });
  }, 90_000);

  test('under a storm of updates, every call runs a version that was there when it was made', async () => {
    const by = setting.other?.api ?? api;
    const names = ['a', 'b', 'c', 'd', 'e'];
    await putSequence(api, 'storm', names);
    const confirmed: Record<string, number> = {};
    for (const name of names) {
      confirmed[name] = 0;
      await putAction(api, name, large('0'));
    }
    const begun = { ...confirmed };
    let going = true;
    const failures: unknown[] = [];
    const writers = names.map(async (name) => {
      while (going) {
        const version = ++begun[name]!;
        await putAction(by, name, large(String(version)));
        confirmed[name] = version;
        const noted = await annotate(by, name, version);
        if (noted.status !== 200) failures.push(noted.json);
      }
    });
    for (let calls = 0; calls < 12; calls++) {
      const before = { ...confirmed };
      const reply = await run(api, 'storm');
      const after = { ...begun };
      if (reply.status !== 200) {
        failures.push(reply.json);
        continue;
      }
      const { seen } = reply.json.response.result as { seen: string[] };
      for (const [at, name] of names.entries()) {
        // Another process has the news a moment later.
        const least = setting.other === undefined ? before[name]! : 0;
        if (!(Number(seen[at]) >= least && Number(seen[at]) <= after[name]!))
          failures.push({ name, before, seen, after });
      }
    }
    going = false;
    await Promise.all(writers);
    expect(failures).toEqual([]);
  }, 180_000);
}

describe('in one process, with the data directory', () => {
  changingCode(async () => {
    const plugin = await suite.start({ environment: ONE_BY_ONE });
    return {
      plugin,
      close: async () => {
        await plugin.stop();
      },
    };
  });
});

describe('as plugin and shim, with the data directory', () => {
  changingCode(async () => {
    const cluster = await Cluster.open(suite, ONE_BY_ONE);
    const [, plugin] = await Promise.all([cluster.shim(), cluster.plugin()]);
    return {
      plugin,
      cut: () => cluster.cut(),
      close: async () => {
        await plugin.stop();
        await cluster.close();
      },
    };
  });
});

describeWithService('couchdb', 'with CouchDB and another process that writes', ({ address }) => {
  const prefixes: string[] = [];
  afterAll(async () => {
    for (const prefix of prefixes) await dropDatabases(address, prefix);
  });

  const settings = (): Record<string, string> => {
    const { url, username, password } = couchAddress(address);
    prefixes.push(newPrefix());
    return {
      ...ONE_BY_ONE,
      DATAFLOWER_COUCHDB_URL: url,
      DATAFLOWER_COUCHDB_PREFIX: prefixes.at(-1)!,
      ...(username === undefined ? {} : { DATAFLOWER_COUCHDB_USERNAME: username }),
      ...(password === undefined ? {} : { DATAFLOWER_COUCHDB_PASSWORD: password }),
    };
  };
  /** Old revisions are gone then. */
  const compact = async (): Promise<void> => {
    const { url, username = '', password = '' } = couchAddress(address);
    const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    const headers = { authorization, 'content-type': 'application/json' };
    const database = new URL(`${prefixes.at(-1)!}whisks`, url);
    expect((await fetch(`${database.href}/_compact`, { method: 'POST', headers })).status).toBe(202);
    await until(
      async () => {
        const { compact_running: running } = (await (await fetch(database, { headers })).json()) as Record<
          string,
          unknown
        >;
        return running !== true;
      },
      { what: 'the end of it' },
    );
  };

  describe('in one process', () => {
    changingCode(async () => {
      const environment = settings();
      const plugin = await suite.start({ environment });
      const other = await suite.start({ environment });
      return {
        plugin,
        other,
        compact,
        close: async () => {
          await plugin.stop();
          await other.stop();
        },
      };
    });
  });

  describe('as plugin and shim', () => {
    changingCode(async () => {
      const environment = settings();
      const cluster = await Cluster.open(suite, environment);
      const [, plugin] = await Promise.all([cluster.shim(), cluster.plugin()]);
      const other = await cluster.plugin({ dataDir: suite.folder('other') });
      return {
        plugin,
        other,
        compact,
        cut: () => cluster.cut(),
        close: async () => {
          await plugin.stop();
          await other.stop();
          await cluster.close();
        },
      };
    });
  });
});
