import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Outcome } from '../../protocol/index.js';
import { FrameType } from '../../protocol/index.js';
import { TestAgent, control, runFrame, withdraw } from '../testing/test-agent.js';

let agent: TestAgent;
const gates = mkdtempSync(join(tmpdir(), 'gates-'));
afterEach(() => agent.close());
afterAll(() => rmSync(gates, { recursive: true }));

const ECHO = 'function main(params) { return params }';
/** Goes on when the gate is there: until then it waits, or keeps its thread busy. */
const GATED = `const { existsSync } = require('node:fs');
async function main(params) {
  while (params.busyUntil && !existsSync(params.busyUntil));
  while (params.waitFor && !existsSync(params.waitFor)) await new Promise(setImmediate);
  return params;
}`;

let gateCount = 0;
/** A gate that is still closed. */
const newGate = (): { path: string; open: () => void } => {
  const path = join(gates, String(++gateCount));
  return { path, open: () => writeFileSync(path, '') };
};

test('a run answers with the returned value, over TCP as over a unix socket', async () => {
  agent = await TestAgent.with(ECHO, {}, { tcp: true });
  const hello = await agent.next('HELLO');
  expect(hello).toMatchObject({ version: 1, token: 'secret', runtime: { name: 'nodejs' }, pid: agent.child.pid });
  expect(await agent.call({ a: 1 })).toMatchObject({ outcome: Outcome.OK, value: { a: 1 }, startedNext: 0 });
});

test("the agent's variables are gone and the activation's are there", async () => {
  agent = await TestAgent.with('function main() { return { env: process.env, args: process.argv.length } }', {
    env: { __OW_NAMESPACE: 'guest', GREETING: 'hi' },
  });
  const { value } = await agent.call({}, { activationId: 'a'.repeat(32), deadline: 123, transactionId: 'tx' });
  const { env } = value as { env: Record<string, string> };
  expect(env).toMatchObject({
    __OW_NAMESPACE: 'guest',
    GREETING: 'hi',
    __OW_ACTIVATION_ID: 'a'.repeat(32),
    __OW_DEADLINE: '123',
    __OW_TRANSACTION_ID: 'tx',
  });
  expect(Object.keys(env).filter((name) => name.startsWith('__DF'))).toEqual([]);
});

test('bound parameters lie under a dictionary, not under arrays and port records', async () => {
  agent = await TestAgent.with('function main(p) { return { p } }', { parameters: { a: 1, b: 1 } });
  agent.define(1, { ports: true });
  expect((await agent.call({ b: 2 })).value).toEqual({ p: { a: 1, b: 2 } });
  expect((await agent.call([1, 2])).value).toEqual({ p: [1, 2] });
  expect((await agent.call({ left: 1 }, { definition: 1 })).value).toEqual({ p: { left: 1 } });
  expect((await agent.call(Buffer.from('x'))).value).toEqual({ p: Buffer.from('x') });
});

test('binary travels as bytes in parameters and results', async () => {
  agent = await TestAgent.with(
    'function main({ list }) { return { list: list.map((b) => Buffer.concat([b, b])), is: Buffer.isBuffer(list[0]) } }',
  );
  expect((await agent.call({ list: [Buffer.from('ab')] })).value).toEqual({ list: [Buffer.from('abab')], is: true });
});

test('the context tells the activation and its deadline', async () => {
  agent = await TestAgent.with('function main(p, context) { return { ...context, keys: Object.keys(context) } }');
  expect((await agent.call({}, { deadline: 99 })).value).toEqual({
    activationId: '00112233445566778899aabbccddeeff',
    deadline: 99,
    keys: ['emit', 'activationId', 'deadline'],
  });
});

test('runs sent ahead run one at a time and in order, each announced in the result before it', async () => {
  agent = await TestAgent.with(
    'let now = 0; async function main({ i }) { const others = now++; await null; now--; return { i, others } }',
  );
  const ids = Array.from({ length: 300 }, () => agent.newId());
  agent.send(...ids.map((id) => runFrame(id, { i: id })));
  await agent.result(ids.at(-1)!);
  const results = agent.seen.filter((s) => s.type === 'RESULT');
  expect(results.map((r) => r.value)).toEqual(ids.map((i) => ({ i, others: 0 })));
  expect(results.slice(0, -1).map((r) => r['startedNext'])).toEqual(ids.slice(1));
  expect(agent.seen.some((s) => s.type === 'STARTED')).toBe(false);
});

test('frames may be cut anywhere', async () => {
  agent = await TestAgent.with(ECHO);
  const bytes = Buffer.concat([runFrame(1, { a: 'x'.repeat(50) }), runFrame(2, { b: 2 })]);
  for (const byte of bytes) {
    agent.socket.write(Buffer.of(byte));
    await new Promise(setImmediate);
  }
  expect((await agent.result(1)).value).toEqual({ a: 'x'.repeat(50) });
  expect((await agent.result(2)).value).toEqual({ b: 2 });
});

test('queued runs are taken back while a function blocks; what had started is not', async () => {
  agent = await TestAgent.with(GATED);
  const gate = newGate();
  const [first, second, third, fourth] = [1, 2, 3, 4];
  agent.send(
    runFrame(first, { busyUntil: gate.path }),
    runFrame(second, {}),
    runFrame(third, {}),
    runFrame(fourth, { last: true }),
  );
  agent.send(withdraw(second, third, 99));
  expect((await agent.next('WITHDRAWN'))['ids']).toEqual([second, third]);
  expect(agent.seen.some((s) => s.type === 'RESULT')).toBe(false);
  gate.open();
  expect((await agent.result(first))['startedNext']).toBe(fourth);
  expect((await agent.result(fourth)).value).toEqual({ last: true });
  agent.send(withdraw(fourth));
  expect((await agent.nth(2, (s) => s.type === 'WITHDRAWN'))['ids']).toEqual([]);
  expect(agent.seen.filter((s) => s.type === 'RESULT')).toHaveLength(2);
});

test('a result is not held behind a slow function, however short the ones before it were', async () => {
  agent = await TestAgent.with(GATED);
  const gate = newGate();
  const ids = Array.from({ length: 200 }, () => agent.newId());
  agent.send(...ids.map((id) => runFrame(id, {})), runFrame(1001, { busyUntil: gate.path }));
  await agent.result(ids.at(-1)!);
  expect(agent.seen.filter((s) => s.type === 'RESULT')).toHaveLength(200);
  gate.open();
  await agent.result(1001);
});

test('CANCEL takes back what is queued and ends what runs', async () => {
  agent = await TestAgent.with('function main() { console.log("on"); for (;;); }');
  agent.send(runFrame(1, {}), runFrame(2, {}));
  await agent.next('LOG');
  agent.send(control(FrameType.CANCEL, 2));
  expect((await agent.next('WITHDRAWN'))['ids']).toEqual([2]);
  agent.send(control(FrameType.CANCEL, 1));
  expect(await agent.result(1)).toMatchObject({ outcome: Outcome.DEVELOPER_ERROR });
  await agent.exited();
});

test('TIMEOUT lets out the lines written so far, the unfinished one too, and ends the process', async () => {
  agent = await TestAgent.with(
    'function main() { console.log("line"); process.stdout.write("unfinished"); return new Promise(() => {}) }',
  );
  const id = agent.run();
  await agent.next('LOG');
  agent.send(control(FrameType.TIMEOUT, id));
  await agent.exited();
  expect(agent.logs()).toEqual(['stdout: line', 'stdout: unfinished']);
  expect(agent.seen.some((s) => s.type === 'RESULT')).toBe(false);
});

test('TIMEOUT ends a function that blocks for ever', async () => {
  agent = await TestAgent.with('function main() { console.log("line"); for (;;); }');
  const id = agent.run();
  await agent.next('LOG');
  agent.send(control(FrameType.TIMEOUT, id));
  await agent.exited();
  expect(agent.logs()).toEqual(['stdout: line']);
});

test('SHUTDOWN ends an idle container at once', async () => {
  agent = await TestAgent.with(ECHO);
  await agent.call();
  agent.send(control(FrameType.SHUTDOWN));
  expect(await agent.exited()).toBe(0);
});

test('SHUTDOWN lets what was accepted end first', async () => {
  agent = await TestAgent.with(GATED);
  const gate = newGate();
  agent.send(runFrame(1, { waitFor: gate.path }), runFrame(2, {}));
  agent.send(control(FrameType.SHUTDOWN), withdraw(99));
  // Frames are read in order: once this is answered, the shutdown has been heard.
  await agent.next('WITHDRAWN');
  gate.open();
  expect(await agent.exited()).toBe(0);
  expect(agent.seen.filter((s) => s.type === 'RESULT').map((s) => s.id)).toEqual([1, 2]);
});

test('the process ends when the agent goes away, even while a function blocks', async () => {
  agent = await TestAgent.with('function main() { console.log("on"); for (;;); }');
  agent.run();
  await agent.next('LOG');
  agent.socket.destroy();
  await agent.exited();
});

test('a frame that makes no sense ends the process and says why', async () => {
  agent = await TestAgent.start();
  agent.send(runFrame(1, {}));
  expect(await agent.exited()).toBe(1);
  expect(agent.stderr).toContain('UNEXPECTED_FRAME');
});
