import { FrameType, MAX_CHUNK_BYTES, FLAG_END, Outcome, encodeFrame } from '../../protocol/index.js';
import { TestAgent, control, encoded, runFrame, withdraw } from '../testing/test-agent.js';

let agent: TestAgent;
afterEach(() => agent.close());

const LENGTH = 'function main(p) { return { length: p.length ?? -1, n: p.n ?? -1 } }';
const start = async (code: string, init = {}, options = {}): Promise<void> => {
  agent = await TestAgent.with(code, init, { runChannel: true, ...options });
  expect(agent.runChannel).toBeDefined();
};
const results = (): number[] => agent.seen.filter((s) => s.type === 'RESULT').map((s) => s.id);
/** A RUN whose input comes as a stream that is not sent yet, and the frames of that stream. */
const large = (id: number, streamId: number): [Buffer, Buffer[]] => {
  const bytes = encoded(Buffer.alloc(100_000, 7));
  const run = runFrame(id, undefined, { slots: [{ where: 'stream', streamId, size: bytes.length }] });
  const half = Math.min(MAX_CHUNK_BYTES, bytes.length >> 1);
  const data = [
    encodeFrame(FrameType.DATA, 0, streamId, bytes.subarray(0, half)),
    encodeFrame(FrameType.DATA, FLAG_END, streamId, bytes.subarray(half)),
  ];
  return [run, data];
};

test.each([false, true])('runs that come on it are executed in order (TCP: %s)', async (tcp) => {
  await start(LENGTH, {}, { tcp });
  const ids = Array.from({ length: 500 }, () => agent.newId());
  agent.sendSmall(...ids.map((id) => runFrame(id, { n: id })));
  expect((await agent.result(ids.at(-1)!)).value).toEqual({ length: -1, n: ids.at(-1) });
  expect(results()).toEqual(ids);
  expect(agent.seen.some((s) => s.type === 'STARTED')).toBe(false);
});

test('a run that comes on the connection keeps its place among them', async () => {
  await start(LENGTH);
  const [run, data] = large(2, 2);
  // The ones behind it come first, and it waits for its input.
  agent.sendSmall(runFrame(1, { n: 1 }), runFrame(3, { n: 3 }), runFrame(4, { n: 4 }));
  expect((await agent.result(1))['startedNext']).toBe(0);
  agent.send(run, data[0]!);
  agent.send(withdraw(99));
  await agent.next('WITHDRAWN');
  expect(results()).toEqual([1]);
  agent.send(data[1]!);
  await agent.result(4);
  expect(results()).toEqual([1, 2, 3, 4]);
  expect((await agent.result(2)).value).toEqual({ length: 100_000, n: -1 });
});

test('what is withdrawn does not run, whether it has come, is awaited, or comes later', async () => {
  await start('function main(p) { for (const end = Date.now() + (p.block ?? 0); Date.now() < end;); return p }');
  const [run] = large(4, 2);
  agent.sendSmall(runFrame(1, { block: 300 }), runFrame(2, {}), runFrame(3, {}));
  agent.send(run, withdraw(3, 4, 5));
  expect((await agent.next('WITHDRAWN'))['ids']).toEqual([3, 4, 5]);
  expect(results()).toEqual([]);
  agent.sendSmall(runFrame(5, {}), runFrame(6, { last: true }));
  expect((await agent.result(6)).value).toEqual({ last: true });
  expect(results()).toEqual([1, 2, 6]);
  agent.send(withdraw(6, 1));
  expect((await agent.nth(2, (s) => s.type === 'WITHDRAWN'))['ids']).toEqual([]);
});

test('the runs behind one that is withdrawn while its input is awaited go on', async () => {
  await start(LENGTH);
  const [run] = large(1, 2);
  agent.send(run);
  agent.sendSmall(runFrame(2, { n: 2 }));
  agent.send(withdraw(1));
  expect((await agent.result(2)).value).toEqual({ length: -1, n: 2 });
});

test('a run waits for the definition that comes on the other way', async () => {
  await start('function main(p) { return { ports: Object.keys(p) } }', { parameters: { bound: 1 } });
  const bytes = encoded({ left: 'x'.repeat(70_000) });
  agent.send(
    runFrame(1, undefined, { definition: 1, slots: [{ where: 'stream', streamId: 2, size: bytes.length }] }),
    encodeFrame(FrameType.DATA, FLAG_END, 2, bytes),
    withdraw(7),
  );
  await agent.next('WITHDRAWN');
  agent.define(1, { ports: true });
  expect((await agent.result(1)).value).toEqual({ ports: ['left'] });
});

test('a result is not held behind a slow function', async () => {
  await start('function main(p) { for (const end = Date.now() + (p.block ?? 0); Date.now() < end;); return p }');
  const ids = Array.from({ length: 200 }, () => agent.newId());
  agent.sendSmall(...ids.map((id) => runFrame(id, {})), runFrame(201, { block: 1500 }));
  await agent.result(200);
  expect(results()).not.toContain(201);
  agent.send(withdraw(201));
  expect((await agent.next('WITHDRAWN'))['ids']).toEqual([]);
  expect(results()).not.toContain(201);
});

test('memory, time and cancelling are looked after as ever', async () => {
  await start('const kept = []; function main(p) { for (;;) kept.push(Buffer.alloc(1e7, 1)) }', { memoryMiB: 64 });
  const id = agent.run();
  expect(await agent.result(id)).toMatchObject({
    outcome: Outcome.DEVELOPER_ERROR,
    value: { error: expect.stringContaining('memory') },
  });
  await agent.exited();
  await agent.close();
  await start('function main() { console.log("on"); for (;;); }');
  agent.sendSmall(runFrame(1, {}), runFrame(2, {}));
  await agent.next('LOG');
  agent.send(control(FrameType.CANCEL, 2));
  expect((await agent.next('WITHDRAWN'))['ids']).toEqual([2]);
  agent.send(control(FrameType.TIMEOUT, 1));
  await agent.exited();
  expect(results()).toEqual([]);
});

test('without the offer all runs come on the connection', async () => {
  agent = await TestAgent.with(LENGTH, {}, { runChannel: false });
  expect(agent.runChannel).toBeUndefined();
  expect((await agent.call({ n: 1 })).value).toEqual({ length: -1, n: 1 });
});
