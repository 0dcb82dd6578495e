import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ActivationRecord } from '@dataflower/common/records';
import { MemoryRecords } from '@dataflower/common/records/testing';
import { until } from '@dataflower/common/testing';
import { action, edges, graph, workflow } from '../../engine/testing/workflows.js';
import { diskFiles } from '../../sink/spiller.js';
import type { FunctionTarget, Host, Paradigm, WorkflowTarget } from '../host.js';
import { testAgent, type TestAgentOptions } from '../testing/agent.js';
import { portableFunction, startOf } from '../testing/targets.js';

// Two namespaces on one host with real containers and a small sink.

const MiB = 1024 * 1024;

let host: Host;
let directory: string;
beforeEach(() => (directory = mkdtempSync(path.join(tmpdir(), 'dfn-'))));
afterEach(async () => {
  await host.close(0);
  rmSync(directory, { recursive: true, force: true });
});

function open(limitBytes: number, maxContainers: number, sink: TestAgentOptions['sink'] = {}): void {
  host = testAgent({
    records: new MemoryRecords(),
    sink: { limitBytes, ...sink },
    containers: { maxContainers },
  });
}

function of(namespace: string, name: string, code: string): FunctionTarget {
  const target = portableFunction(name, code);
  return { ...target, spec: { ...target.spec, namespace, key: `${namespace}/${name}` } };
}

function start(
  namespace: string,
  target: FunctionTarget | WorkflowTarget,
  payload: unknown = {},
  paradigm: Paradigm = 'dataflow',
): Promise<ActivationRecord> {
  return new Promise((resolve) => {
    host.start({ ...startOf(target, payload), identity: { namespace, subject: namespace }, paradigm }, resolve);
  });
}

async function metric(name: string): Promise<number> {
  const line = (await host.metrics()).split('\n').find((text) => text.startsWith(`dataflower_sink_${name} `));
  return Number(line!.split(' ')[1]);
}

const waits = `const fs = require('fs');
  async function main({ gate, text = '' }) {
    while (!fs.existsSync(gate)) await new Promise((resolve) => setTimeout(resolve, 5));
    return { length: text.length };
  }`;

test.each(['dataflow', 'controlflow'] as const)(
  'payloads that wait for a container are written to disk, and come to their functions whole (%s)',
  async (paradigm) => {
    open(8 * MiB, 2);
    const gate = path.join(directory, 'gate');
    const target = of('a', 'waits', waits);
    const runs = Array.from({ length: 40 }, (_, i) =>
      start('a', target, { gate, text: 'x'.repeat(MiB - 100 + i) }, paradigm),
    );
    const copies = paradigm === 'dataflow' ? 1 : 2;
    await until(async () => (await metric('spilled_bytes')) > 28 * copies * MiB);
    await until(async () => (await metric('resident_bytes')) < 8 * MiB);
    writeFileSync(gate, '');
    const results = (await Promise.all(runs)).map(({ result }) => result);
    expect(results).toEqual(runs.map((_, i) => JSON.stringify({ length: MiB - 100 + i })));
    await until(async () => (await metric('resident_bytes')) === 0 && (await metric('spilled_bytes')) === 0);
  },
  300_000,
);

test('one that fills the sink with an input in use does not hold up what another emits', async () => {
  open(4 * MiB, 8);
  const gate = path.join(directory, 'gate');
  const big = workflow(
    graph(
      [action('make'), action('use')],
      edges('$USER.params -> make.in', 'make.out -> use.in', 'use.out -> $USER.result'),
    ),
    'graph',
    {
      make: of('a', 'make', 'function main({ gate }) { return { gate, text: "x".repeat(30 * 1024 * 1024) }; }'),
      use: of('a', 'use', waits),
    },
  );
  const running = start('a', big, { gate });
  await until(async () => (await metric('resident_bytes')) > 8 * MiB);
  const flow = workflow(
    graph(
      [action('split', { outputs: { item: 'FOREACH' } }), action('work'), action('merge', { inputs: { all: 'LIST' } })],
      edges('$USER.params -> split.in', 'split.item -> work.in', 'work.out -> merge.all', 'merge.out -> $USER.result'),
    ),
    'graph',
    {
      split: of(
        'b',
        'split',
        'async function main(p, c) { for (let i = 0; i < 30; i++) await c.emit("item", { i, text: "y".repeat(500000) }); return {}; }',
      ),
      work: of('b', 'work', 'function main({ i, text }) { return { i, length: text.length }; }'),
      merge: of(
        'b',
        'merge',
        'function main(all) { return { count: all.length, right: all.every(({ length }) => length === 500000) }; }',
      ),
    },
  );
  const { result } = await start('b', flow);
  expect(JSON.parse(result)).toEqual({ count: 30, right: true });
  writeFileSync(gate, '');
  expect(JSON.parse((await running).result)).toEqual({ length: 30 * MiB });
});

test('with a full disk the youngest of the one that is over its share fail, more of it is refused, others go on', async () => {
  const full = { ...diskFiles, write: () => Promise.reject(new Error('no space is left')) };
  open(8 * MiB, 6, { spillFiles: full, spillRetryMs: 200 });
  const gate = path.join(directory, 'gate');
  const target = of('a', 'waits', waits);
  const first = start('a', target, { gate });
  const ends: { readonly at: number; readonly result: string }[] = [];
  let taken = 0;
  let refused = 0;
  await until(() => {
    const at = taken;
    const message = { ...startOf(target, { gate, text: 'x'.repeat(MiB) }), identity: { namespace: 'a', subject: 'a' } };
    try {
      host.start(message, ({ result }) => ends.push({ at, result }));
      taken++;
    } catch (error) {
      expect(error).toMatchObject({ code: 'FULL', retryable: true });
      refused++;
    }
    return Promise.resolve(ends.length >= 3 && refused > 0);
  });
  expect(ends[0]!.at).toBeGreaterThan(5);
  expect(ends[0]!.result).toMatch(/has reached its limit of 8388608 bytes.*no space is left/);
  const echo = await start('b', of('b', 'echo', 'function main({ n }) { return { n }; }'), { n: 1 });
  expect(JSON.parse(echo.result)).toEqual({ n: 1 });
  writeFileSync(gate, '');
  expect(JSON.parse((await first).result)).toEqual({ length: 0 });
  await until(() => Promise.resolve(ends.length === taken));
  expect(ends.filter(({ result }) => /has reached its limit/.test(result)).length).toBeLessThan(taken);
});
