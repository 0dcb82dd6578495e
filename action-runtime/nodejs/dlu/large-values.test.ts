import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  FLAG_END,
  FrameType,
  type Slot,
  decodeValue,
  encodeAmount,
  encodeFrame,
  encodeText,
} from '../../protocol/index.js';
import { TestAgent, encoded, inline, runFrame, withdraw } from '../testing/test-agent.js';

let agent: TestAgent;
const directory = mkdtempSync(join(tmpdir(), 'values-'));
afterEach(() => agent.close());
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const ECHO = 'function main(params) { return params }';

async function resultSlot(id: number): Promise<Slot> {
  return ((await agent.result(id))['slots'] as Slot[])[0]!;
}

/** DATA frames of a stream. */
function chunks(id: number, bytes: Buffer, size = 100_000): Buffer[] {
  const frames = [];
  for (let at = 0; at < bytes.length; at += size) {
    const last = at + size >= bytes.length;
    frames.push(encodeFrame(FrameType.DATA, last ? FLAG_END : 0, id, bytes.subarray(at, at + size)));
  }
  return frames;
}

test('a large input comes as a stream and a large result leaves as one', async () => {
  agent = await TestAgent.with(ECHO);
  const value = { text: 'x'.repeat(300_000), bytes: Buffer.alloc(3_000_000, 5) };
  const bytes = encoded(value);
  const id = agent.run(undefined, { slots: [{ where: 'stream', streamId: 2, size: bytes.length }] });
  agent.send(...chunks(2, bytes));
  const slot = await resultSlot(id);
  expect(slot).toMatchObject({ where: 'stream', streamId: 1 });
  const echoed = (await agent.value(slot)) as typeof value;
  expect([echoed.text === value.text, echoed.bytes.equals(value.bytes)]).toEqual([true, true]);
  const credited = agent.seen.filter((s) => s.type === 'CREDIT').reduce((sum, s) => sum + (s['bytes'] as number), 0);
  expect(credited).toBeGreaterThan(bytes.length - 2 ** 20);
});

test('the container sends no more than its credit', async () => {
  agent = await TestAgent.with('function main() { return { bytes: Buffer.alloc(3000000, 1) } }');
  agent.autoCredit = false;
  const slot = (await resultSlot(agent.run())) as { streamId: number };
  const got = (): number => Buffer.concat(agent.streams.get(slot.streamId) ?? []).length;
  await agent.until(() => got() === 2 ** 20);
  // Small things are not stopped by it.
  agent.send(withdraw(77));
  await agent.next('WITHDRAWN');
  expect(got()).toBe(2 ** 20);
  agent.send(encodeAmount(FrameType.CREDIT, slot.streamId, 10));
  await agent.until(() => got() === 2 ** 20 + 10);
  agent.send(encodeAmount(FrameType.CREDIT, slot.streamId, 1e9));
  await agent.until(() => agent.ended.has(slot.streamId));
});

test('a stream that the agent resets is given up', async () => {
  agent = await TestAgent.with('function main() { return { bytes: Buffer.alloc(3000000, 1) } }');
  agent.autoCredit = false;
  const slot = (await resultSlot(agent.run())) as { streamId: number };
  agent.send(encodeText(FrameType.RESET, slot.streamId, 'not wanted'), encodeFrame(FrameType.SHUTDOWN, 0, 0));
  expect(await agent.exited()).toBe(0);
});

test('with files, a large value is written where the agent says, and named by its offer', async () => {
  agent = await TestAgent.with(
    'async function main(p, { emit }) { await emit("part", Buffer.alloc(5000000, 6)); return { s: "z".repeat(100000) } }',
    {},
    { files: true },
  );
  agent.define(1, { outputs: ['part'] });
  agent.filePath = (id, size) => {
    writeFileSync(join(directory, `o${id}`), Buffer.alloc(size));
    return join(directory, `o${id}`);
  };
  const result = await resultSlot(agent.run({}, { definition: 1 }));
  const { slot: emitted } = (await agent.next('EMIT')) as unknown as { slot: Slot };
  expect([emitted, result]).toEqual([
    { where: 'file', fileId: 1, size: 5_000_001, path: '' },
    { where: 'file', fileId: 2, size: 100_009, path: '' },
  ]);
  expect(Buffer.alloc(5_000_000, 6).equals(decodeValue(readFileSync(join(directory, 'o1'))) as Buffer)).toBe(true);
  expect(decodeValue(readFileSync(join(directory, 'o2')))).toEqual({ s: 'z'.repeat(100_000) });
  expect(agent.seen.map((s) => s.type).filter((t) => t === 'EMIT' || t === 'RESULT')).toEqual(['EMIT', 'RESULT']);
});

test('an agent that follows is told how far a file is filled, and what it was told of is there', async () => {
  const bytes = 9 * 2 ** 20;
  agent = await TestAgent.with(`function main() { return Buffer.alloc(${bytes}, 7) }`, {}, { files: true });
  const path = join(directory, 'followed');
  agent.follows = true;
  agent.filePath = (): string => {
    writeFileSync(path, '');
    return path;
  };
  const slot = await resultSlot(agent.run());
  expect(slot).toMatchObject({ where: 'file', size: bytes + 1 });
  const told = agent.seen.flatMap((seen) =>
    seen.type === 'FILLED' ? [[seen.id, (seen as { bytes?: number }).bytes]] : [],
  );
  expect(told).toEqual([
    [1, 4 * 2 ** 20],
    [1, 8 * 2 ** 20],
  ]);
  expect(Buffer.alloc(bytes, 7).equals(decodeValue(readFileSync(path)) as Buffer)).toBe(true);
});

test('a value of very many byte strings is written into a file whole', async () => {
  const count = 3000;
  agent = await TestAgent.with(
    `function main() { return { parts: Array.from({ length: ${count} }, (_, i) => Buffer.alloc(i % 3 ? 17000 : 0, i)) } }`,
    {},
    { files: true },
  );
  const path = join(directory, 'parts');
  agent.filePath = (): string => {
    writeFileSync(path, '');
    return path;
  };
  const slot = await resultSlot(agent.run());
  const bytes = readFileSync(path);
  expect(slot).toMatchObject({ where: 'file', size: bytes.length });
  const { parts } = decodeValue(bytes) as { parts: Buffer[] };
  expect(parts).toHaveLength(count);
  expect(parts.every((part, i) => part.equals(Buffer.alloc(i % 3 ? 17000 : 0, i)))).toBe(true);
});

test.each([
  ['refuses', (): string => ''],
  ['names a file that is not there', (): string => join(directory, 'missing')],
])('when the agent %s, the value goes as a stream', async (_, path) => {
  agent = await TestAgent.with('function main() { return { s: "z".repeat(100000) } }', {}, { files: true });
  agent.filePath = path;
  expect(await agent.value(await resultSlot(agent.run()))).toEqual({ s: 'z'.repeat(100_000) });
});

test('inputs are read from files, further slots stand for items of the first', async () => {
  agent = await TestAgent.with('function main({ left, right }) { return { left: left.toString(), right } }');
  agent.define(1, { ports: true });
  const path = join(directory, 'in');
  writeFileSync(path, encoded(Buffer.from('from a file')));
  const record = Buffer.from([
    3,
    0,
    0,
    0,
    2,
    0,
    4,
    ...Buffer.from('left'),
    255,
    255,
    255,
    255,
    0,
    0,
    0,
    1,
    0,
    5,
    ...Buffer.from('right'),
    255,
    255,
    255,
    255,
    0,
    0,
    0,
    2,
  ]);
  const slots: Slot[] = [inline(record), { where: 'file', fileId: 1, size: 12, path }, inline(encoded({ a: 1 }))];
  expect((await agent.call(undefined, { slots, definition: 1 })).value).toEqual({
    left: 'from a file',
    right: { a: 1 },
  });
});

test('a file is read ahead for a run that is queued, and for one that starts at once', async () => {
  agent = await TestAgent.with('function main({ s }) { return { size: s.length } }');
  const path = join(directory, 'ahead');
  const bytes = encoded({ s: 'x'.repeat(300_000) });
  writeFileSync(path, bytes);
  const slots: Slot[] = [{ where: 'file', fileId: 1, size: bytes.length, path }];
  agent.send(...[1, 2, 3].map((id) => runFrame(id, undefined, { slots })));
  for (const id of [1, 2, 3]) expect((await agent.result(id)).value).toEqual({ size: 300_000 });
});

describe.each([
  ['is not there', 'missing'],
  ['is shorter than announced', 'short'],
])('a file that %s', (_, name) => {
  const slots: Slot[] = [{ where: 'file', fileId: 1, size: 100, path: join(directory, name) }];
  beforeEach(() => writeFileSync(join(directory, 'short'), 'x'));

  test('takes back a run that is queued', async () => {
    agent = await TestAgent.with(
      'function main(p) { for (const end = Date.now() + 200; Date.now() < end;); return p }',
    );
    agent.send(runFrame(1, { a: 1 }), runFrame(2, undefined, { slots }));
    expect((await agent.next('WITHDRAWN'))['ids']).toEqual([2]);
    expect((await agent.result(1)).value).toEqual({ a: 1 });
  });

  test('ends a run that has started, and its container', async () => {
    agent = await TestAgent.with(ECHO);
    expect(await agent.result(agent.run(undefined, { slots }))).toMatchObject({ outcome: 2 });
    await agent.exited();
  });
});

test('a run whose input is on its way keeps its place, and is announced by STARTED', async () => {
  agent = await TestAgent.with('function main(p) { return { size: p.s.length, wait: p.wait } }');
  const bytes = encoded({ s: 'x'.repeat(500_000) });
  agent.send(
    runFrame(1, { s: 'a' }),
    runFrame(2, undefined, { slots: [{ where: 'stream', streamId: 2, size: bytes.length }] }),
    runFrame(3, { s: 'abc' }),
  );
  expect((await agent.result(1))['startedNext']).toBe(0);
  agent.send(...chunks(2, bytes));
  await agent.result(3);
  expect(
    agent.seen
      .slice(2)
      .filter((s) => s.type !== 'CREDIT')
      .map((s) => `${s.type} ${s.id}`),
  ).toEqual(['RESULT 1', 'STARTED 2', 'RESULT 2', 'RESULT 3']);
  expect((await agent.result(2))['startedNext']).toBe(3);
});

test('a run that waits for its input can be taken back; one behind it goes on', async () => {
  agent = await TestAgent.with(ECHO);
  agent.send(
    runFrame(1, undefined, { slots: [{ where: 'stream', streamId: 2, size: 1000 }] }),
    runFrame(2, { b: 2 }),
    withdraw(1),
  );
  expect((await agent.next('WITHDRAWN'))['ids']).toEqual([1]);
  expect((await agent.result(2)).value).toEqual({ b: 2 });
});

test('an input that is cut off counts as withdrawn', async () => {
  agent = await TestAgent.with(ECHO);
  agent.send(
    runFrame(1, undefined, { slots: [{ where: 'stream', streamId: 2, size: 1000 }] }),
    runFrame(2, { b: 2 }),
    encodeText(FrameType.RESET, 2, 'gone'),
  );
  expect((await agent.next('WITHDRAWN'))['ids']).toEqual([1]);
  await agent.result(2);
});

test('one that is taken back is told of once, also when its input is cut off after that', async () => {
  agent = await TestAgent.with(ECHO);
  agent.send(
    runFrame(1, undefined, { slots: [{ where: 'stream', streamId: 2, size: 1000 }] }),
    runFrame(2, { b: 2 }),
    withdraw(1),
    encodeText(FrameType.RESET, 2, 'gone'),
  );
  await agent.result(2);
  agent.send(withdraw(99));
  const told = await agent.nth(2, (s) => s.type === 'WITHDRAWN');
  expect(told['ids']).toEqual([]);
  expect((await agent.next('WITHDRAWN'))['ids']).toEqual([1]);
});

test('a stream longer than announced ends the connection', async () => {
  agent = await TestAgent.with(ECHO);
  agent.send(
    runFrame(1, undefined, { slots: [{ where: 'stream', streamId: 2, size: 10 }] }),
    encodeFrame(FrameType.DATA, 0, 2, Buffer.alloc(11)),
  );
  expect(await agent.exited()).toBe(1);
});

test('code may come as a stream', async () => {
  agent = await TestAgent.start();
  const { encodeInit } = await import('../../protocol/index.js');
  const code = Buffer.from(`${ECHO} // ${'x'.repeat(200_000)}`);
  const init = {
    name: 'n',
    main: 'main',
    binary: false,
    kind: 'code' as const,
    env: {},
    parameters: {},
    logLimitBytes: 1000,
    memoryMiB: 128,
  };
  agent.send(encodeInit(init, { where: 'stream', streamId: 4, size: code.length }), ...chunks(4, code));
  expect(await agent.next('READY')).toMatchObject({ ok: true });
  expect((await agent.call({ a: 1 })).value).toEqual({ a: 1 });
});

test('a function holds values of many megabytes in both directions at once', async () => {
  agent = await TestAgent.with(
    'async function main(p, { emit }) { const sent = []; for (let i = 0; i < 4; i++) sent.push(emit("part", Buffer.alloc(4 << 20, i))); await Promise.all(sent); return { size: p.length } }',
  );
  agent.define(1, { outputs: ['part'] });
  const bytes = encoded(Buffer.alloc(8 << 20, 9));
  agent.send(
    runFrame(1, undefined, { definition: 1, slots: [{ where: 'stream', streamId: 2, size: bytes.length }] }),
    ...chunks(2, bytes, 262_144),
  );
  expect((await agent.result(1)).value).toEqual({ size: 8 << 20 });
  const slots = agent.seen.filter((s) => s.type === 'EMIT').map((s) => s['slot'] as Slot);
  for (const [i, slot] of slots.entries())
    expect(Buffer.alloc(4 << 20, i).equals((await agent.value(slot)) as Buffer)).toBe(true);
});
