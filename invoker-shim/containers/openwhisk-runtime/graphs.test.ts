import { readdirSync, rmSync, mkdtempSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { runtimeEntry } from '@dataflower/action-runtime/nodejs';
import { systemClock } from '@dataflower/common';
import type { ActivationRecord } from '@dataflower/common/records';
import { MemoryRecords } from '@dataflower/common/records/testing';
import { action, edges, functionTarget, graph, sequence, workflow } from '../../engine/testing/workflows.js';
import type { FunctionTarget, Host, Paradigm, Target, WorkflowTarget } from '../../host/host.js';
import { testAgent } from '../../host/testing/agent.js';
import { ProcessDriver } from '../drivers/process/process-driver.js';
import { HttpProcessDriver } from './testing/http-process-driver.js';

/**
 * A workflow may not depend on how its functions are reached: the same actions, as functions of the runtime that
 * speaks frames and as an image that knows `/init` and `/run` only, give the same records.
 */
type Reached = 'by frames' | 'by /init and /run';

const CODE = {
  inc: 'function main({ n = 0, ...more }) { return { ...more, n: n + 1 }; }',
  echo: 'function main(p) { return p; }',
  fails: 'function main() { return { error: "boom", more: 1 }; }',
  rejects: 'function main() { return Promise.reject({ why: "not" }); }',
  throws: 'function main() { throw new Error("broken"); }',
  scalar: 'function main() { return 7; }',
  list: 'function main({ n }) { return Array.from({ length: n }, (_, i) => ({ i })); }',
  what: 'function main(p) { return { isArray: Array.isArray(p), got: p }; }',
  speaks: 'function main({ n }) { console.log("out", n); console.error("err", n); return { n }; }',
  exits: 'function main() { process.exit(1); }',
  hangs: 'function main() { return new Promise(() => setInterval(() => {}, 1000)); }',
  unloadable: 'function main( {',
  split: 'async function main({ n }, c) { for (let i = 0; i < n; i++) await c.emit("part", { i }); return {}; }',
  square: 'function main({ i }) { return { i, square: i * i }; }',
  large: 'function main({ bytes }) { return { text: "x".repeat(bytes) }; }',
  length: 'function main({ text }) { return { length: text.length }; }',
} as const;
type Name = keyof typeof CODE;

const socketDir = mkdtempSync(path.join(os.tmpdir(), 'dfg-'));
const records = new MemoryRecords();
const driver = new HttpProcessDriver(
  { node: { entry: runtimeEntry, portVariable: '__DF_HTTP_PORT' } },
  new ProcessDriver({ entry: runtimeEntry }),
);
let host: Host;
let ids = 0;

beforeAll(() => {
  host = testAgent({ records, containers: { driver, socketDir, maxContainers: 6, helloTimeoutMs: 60_000 } });
});
afterAll(async () => {
  await host.close(5000);
  expect(readdirSync(socketDir)).toEqual([]);
  rmSync(socketDir, { recursive: true });
});

function functionOf(name: Name, reached: Reached, over: Partial<FunctionTarget['spec']> = {}): FunctionTarget {
  const target = functionTarget(name);
  const openWhisk = reached === 'by /init and /run';
  const init = {
    name,
    main: 'main',
    binary: false,
    kind: 'code' as const,
    env: { __OW_NAMESPACE: 'guest', __OW_ACTION_NAME: `/guest/${name}` },
    parameters: name === 'what' ? { bound: 1 } : {},
    logLimitBytes: 10_000,
    memoryMiB: 256,
  };
  const load = () => Promise.resolve({ init, code: Buffer.from(CODE[name]) });
  const key = `guest/${name}@1 ${reached}`;
  const spec = { ...target.spec, key, logLimitBytes: 10_000, load, ...over };
  return { ...target, spec: openWhisk ? { ...spec, kind: 'blackbox', image: 'node' } : spec };
}

function targets(reached: Reached): Record<string, Target> {
  return Object.fromEntries(
    (Object.keys(CODE) as Name[]).map((name) => [
      name,
      functionOf(name, reached, name === 'hangs' ? { timeoutMs: 3000 } : {}),
    ]),
  );
}

function invoke(
  target: FunctionTarget | WorkflowTarget,
  payload: object,
  paradigm: Paradigm = 'dataflow',
): Promise<ActivationRecord> {
  const activationId = (++ids).toString(16).padStart(32, '0');
  const identity = { namespace: 'guest', subject: 'guest' };
  return new Promise((resolve) => {
    const message = {
      activationId,
      transactionId: 't',
      identity,
      receivedAt: 0,
      received: systemClock.now(),
      target,
      paradigm,
    };
    host.start({ ...message, payload: Buffer.from(JSON.stringify(payload)) }, resolve);
  });
}

/** OpenWhisk's remark where a container has gone: our own runtime says in time that its function ended the process. */
const REMARK = 'stderr: The action did not initialize or run as expected. Log data might be missing.';

/** The observable parts of an answer, without ids, times and stacks. */
async function seen(record: ActivationRecord): Promise<object> {
  const logs =
    record.annotations['kind'] === 'sequence'
      ? await Promise.all(record.logs.map(async (id) => seen((await records.get('guest', id))!)))
      : record.logs
          .map((line) => line.slice(31))
          .filter((line) => !line.startsWith('stderr:     at ') && line !== REMARK);
  const result = record.result.replaceAll(/\\n.*?(?=")/g, '…');
  return { name: record.name, status: record.status, result, timeout: record.annotations['timeout'], logs };
}

/** The emitting function has our runtime; the consumers of its values have either. */
const scatter = graph(
  [action('split', { outputs: { part: 'FOREACH' } }), action('square'), action('what', { inputs: { all: 'LIST' } })],
  edges('$USER.params -> split.in', 'split.part -> square.in', 'square.out -> what.all', 'what.out -> $USER.result'),
);
const scattered = (given: Record<string, Target>): WorkflowTarget =>
  workflow(scatter, 'graph', { ...given, split: functionOf('split', 'by frames') });

type Case = [string, (given: Record<string, Target>) => FunctionTarget | WorkflowTarget, object];
const one =
  (name: Name) =>
  (given: Record<string, Target>): FunctionTarget =>
    given[name] as FunctionTarget;
const chain =
  (...names: Name[]) =>
  (given: Record<string, Target>): WorkflowTarget =>
    sequence(names, given);

const cases: Case[] = [
  ['a function', one('inc'), { n: 1, kept: true }],
  ['a function with bound parameters', one('what'), { n: 1 }],
  ['an error in the payload', one('what'), { error: 'given' }],
  ['a sequence', chain('inc', 'inc', 'inc'), { n: 5 }],
  ['an array between functions', chain('list', 'what'), { n: 3 }],
  ['an application error', chain('inc', 'fails', 'inc'), {}],
  ['a rejection', chain('rejects', 'inc'), {}],
  ['a thrown error', chain('inc', 'throws', 'inc'), {}],
  ['a result that is no dictionary', chain('scalar', 'inc'), {}],
  ['a function that ends its process', chain('inc', 'exits', 'inc'), {}],
  ['a function that takes too long', chain('inc', 'hangs', 'inc'), {}],
  ['code that does not load', chain('inc', 'unloadable', 'inc'), {}],
  ['logs on both streams', chain('speaks', 'speaks'), { n: 1 }],
  ['a value larger than the API takes, between functions', chain('large', 'length'), { bytes: 3_000_000 }],
  ['a scatter and its gather', scattered, { n: 20 }],
  ['a scatter of nothing', scattered, { n: 0 }],
];

describe.each<Paradigm>(['dataflow', 'controlflow'])('by %s', (paradigm) => {
  test.each(cases)('%s is the same for an image of its own', async (_what, make, payload) => {
    const [frames, requests] = await Promise.all(
      (['by frames', 'by /init and /run'] as const).map(async (reached) =>
        seen(await invoke(make(targets(reached)), payload, paradigm)),
      ),
    );
    expect(requests).toEqual(frames);
  });
});

test('functions of both kinds work in one workflow', async () => {
  const given = {
    ours: functionOf('inc', 'by frames'),
    openWhisk: functionOf('inc', 'by /init and /run'),
  };
  const answer = await invoke(sequence(['ours', 'openWhisk', 'ours', 'openWhisk', 'openWhisk', 'ours'], given), {
    n: 0,
  });
  expect(answer).toMatchObject({ status: 0, result: '{"n":6}' });
});

test('a function of an OpenWhisk runtime in a graph that wants its emits ends with an error that names the port', async () => {
  const wired = graph(
    [action('echo', { outputs: { part: 'FOREACH' } }), action('what', { inputs: { all: 'LIST' } })],
    edges('$USER.params -> echo.in', 'echo.part -> what.all', 'what.out -> $USER.result'),
  );
  const answer = await invoke(workflow(wired, 'graph', targets('by /init and /run')), {});
  expect(answer.status).toBe(1);
  expect(answer.result).toContain("The graph wires the port 'part' of this action, but its image has no emit");
});

test('the second of two runs finds its container warm', async () => {
  const target = functionOf('echo', 'by /init and /run', { key: 'warm' });
  const first = await invoke(target, {});
  const second = await invoke(target, {});
  expect(typeof first.annotations['initTime']).toBe('number');
  expect(second.annotations['initTime']).toBeUndefined();
});
