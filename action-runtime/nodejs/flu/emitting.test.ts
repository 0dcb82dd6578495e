import { FLAG_END, FrameType, Outcome, encodeFrame } from '../../protocol/index.js';
import { TestAgent, encoded, grant } from '../testing/test-agent.js';

let agent: TestAgent;
afterEach(() => agent.close());

async function start(code: string, window = 1e9): Promise<void> {
  agent = await TestAgent.with(code, {}, { window });
  agent.define(1, { outputs: ['part', 'rest'] });
}

test('emitted values come before the result, in order', async () => {
  await start(
    'async function main(p, { emit }) { for (let i = 0; i < 5; i++) await emit("part", { i }); emit("rest", Buffer.from("end")); return {} }',
  );
  await agent.call({}, { definition: 1 });
  const frames = agent.seen.slice(2);
  expect(frames.map((f) => f.type)).toEqual(['EMIT', 'EMIT', 'EMIT', 'EMIT', 'EMIT', 'EMIT', 'RESULT']);
  expect(frames.slice(0, 5).map((f) => f.value)).toEqual([0, 1, 2, 3, 4].map((i) => ({ i })));
  expect(frames[5]).toMatchObject({ port: 'rest', value: Buffer.from('end') });
});

test('what was emitted is out while the function burns the processor', async () => {
  await start(
    'function main(p, { emit }) { emit("part", { big: "x".repeat(200000) }); emit("part", 1); for (const end = Date.now() + 1000; Date.now() < end;); return {} }',
  );
  const id = agent.run({}, { definition: 1 });
  const emit = await agent.nth(2, (s) => s.type === 'EMIT');
  expect(emit.value).toBe(1);
  await agent.until(() => agent.ended.size === 1);
  expect(agent.seen.some((s) => s.type === 'RESULT')).toBe(false);
  await agent.result(id);
});

test.each([
  [
    'elsewhere',
    "emit on port 'elsewhere', which the graph does not wire; this function has the output ports 'part', 'rest'",
  ],
  ['out', "the port 'out' takes the returned value and cannot be emitted on"],
])('an emit on %s rejects', async (port, text) => {
  await start(
    `async function main(p, { emit }) { try { await emit('${port}', 1) } catch (e) { return { text: e.message } } }`,
  );
  expect((await agent.call({}, { definition: 1 })).value).toEqual({ text });
  expect(agent.seen.some((s) => s.type === 'EMIT')).toBe(false);
});

test('with no definition there is nothing to emit on', async () => {
  await start(
    `async function main(p, { emit }) { try { await emit('part', 1) } catch (e) { return { text: e.message } } }`,
  );
  expect((await agent.call()).value).toEqual({
    text: "emit on port 'part', which the graph does not wire; this function has no output ports",
  });
});

test('an emit after the end rejects and sends nothing, and the container lives on', async () => {
  await start(`let late, said;
    function main(p, context) {
      if (p.second) return late.then(() => ({ said }));
      late = new Promise((resolve) => setTimeout(() => context.emit('part', 1).catch((e) => { said = e.message; resolve() })));
      return {};
    }`);
  await agent.call({}, { definition: 1 });
  expect((await agent.call({ second: true }, { definition: 1 })).value).toEqual({
    said: "emit on port 'part' after the function has ended; nothing was sent",
  });
  expect(agent.seen.some((s) => s.type === 'EMIT')).toBe(false);
});

test('an emit after the end that is not awaited harms nothing', async () => {
  await start(
    `let late;
    function main(p, context) {
      if (p.wait) return late;
      late = new Promise((resolve) => setTimeout(() => { context.emit('part', 1); setTimeout(resolve, 0, {}); }));
      return {};
    }`,
  );
  await agent.call({}, { definition: 1 });
  expect((await agent.call({ wait: true }, { definition: 1 }))['outcome']).toBe(Outcome.OK);
});

test('a value that cannot be encoded rejects its emit', async () => {
  await start(
    'async function main(p, { emit }) { const a = {}; a.a = a; try { await emit("part", a) } catch (e) { return { name: e.name } } }',
  );
  expect((await agent.call({}, { definition: 1 })).value).toEqual({ name: 'TypeError' });
});

test('beyond the window emits wait for grants, and the result for them', async () => {
  const cost = encoded({ i: 0 }).length + 64;
  await start(
    'let taken = 0; async function main(p, { emit }) { for (let i = 0; i < 6; i++) emit("part", { i }).then(() => console.log("taken", i)); return {} }',
    2 * cost,
  );
  const id = agent.run({}, { definition: 1 });
  await agent.nth(2, (s) => s.type === 'EMIT');
  await agent.nth(2, (s) => s.type === 'LOG');
  agent.send(grant(2 * cost));
  await agent.nth(4, (s) => s.type === 'EMIT');
  expect(agent.seen.some((s) => s.type === 'RESULT')).toBe(false);
  agent.send(grant(2 * cost));
  await agent.result(id);
  expect(agent.seen.filter((s) => s.type === 'EMIT').map((s) => s.value)).toEqual(
    [0, 1, 2, 3, 4, 5].map((i) => ({ i })),
  );
});

test('a grant that came while the function computed counts at once', async () => {
  await start(
    'async function main(p, { emit }) { emit("part", 1); console.log("busy"); for (const end = Date.now() + 300; Date.now() < end;); emit("part", 2); console.log("done"); for (const end = Date.now() + 300; Date.now() < end;); return {} }',
    1,
  );
  const id = agent.run({}, { definition: 1 });
  await agent.next('LOG');
  agent.send(grant(1000));
  await agent.nth(2, (s) => s.type === 'LOG');
  expect(agent.seen.filter((s) => s.type === 'EMIT').map((s) => s.value)).toEqual([1, 2]);
  await agent.result(id);
});

test('a Buffer handed over is empty afterwards, and handing it over again rejects', async () => {
  await start(`async function main(p, { emit }) {
    const buffer = Buffer.alloc(200000, 7), small = Buffer.alloc(70000, 1).subarray(1);
    await emit('part', { buffer, small });
    const left = buffer.length, kept = small.length;
    try { await emit('part', { buffer }) } catch (e) { return { left, kept, code: e.code, text: e.message } }
  }`);
  const { value } = await agent.call({}, { definition: 1 });
  expect(value).toMatchObject({ left: 0, kept: 69999, code: 'BUFFER_HANDED_OVER' });
  const { slot } = (await agent.next('EMIT')) as unknown as {
    slot: { where: 'stream'; streamId: number; size: number };
  };
  const sent = (await agent.value(slot)) as { buffer: Buffer; small: Buffer };
  expect(sent.buffer.equals(Buffer.alloc(200000, 7))).toBe(true);
  expect(sent.small.equals(Buffer.alloc(69999, 1))).toBe(true);
});

test('the same Buffer twice in one value arrives twice', async () => {
  await start('async function main() { const b = Buffer.alloc(100000, 3); return { b, again: b } }');
  const result = await agent.call();
  const value = (await agent.value((result['slots'] as [never])[0])) as { b: Buffer; again: Buffer };
  expect(value.b.equals(value.again) && value.b.length === 100000).toBe(true);
});

test('a value that waits for the window is what it was when it was emitted', async () => {
  await start(
    'async function main(p, { emit }) { const b = Buffer.alloc(100000, 3), s = Buffer.alloc(10, 3); emit("part", 1); const second = emit("part", { b, s }); s.fill(4); console.log(b.length); await second; return {} }',
    1,
  );
  const id = agent.run({}, { definition: 1 });
  await agent.next('LOG');
  expect(agent.logs()).toEqual(['stdout: 0']);
  agent.send(grant(1e9));
  await agent.result(id);
  const { slot } = agent.seen.filter((s) => s.type === 'EMIT')[1] as unknown as {
    slot: { where: 'stream'; streamId: number; size: number };
  };
  const sent = (await agent.value(slot)) as { b: Buffer; s: Buffer };
  expect([sent.b.equals(Buffer.alloc(100000, 3)), sent.s]).toEqual([true, Buffer.alloc(10, 3)]);
});

describe('a large Buffer of the input', () => {
  /** A run whose input travels as a stream, and so has memory of its own. */
  async function run(input: unknown): Promise<Record<string, unknown>> {
    const bytes = encoded(input);
    const slots = [{ where: 'stream' as const, streamId: 2, size: bytes.length }];
    const id = agent.run(undefined, { slots, definition: 1 });
    agent.send(encodeFrame(FrameType.DATA, FLAG_END, 2, bytes));
    return agent.result(id);
  }
  const large = Buffer.alloc(100_000, 5);
  const valueOf = async (result: Record<string, unknown>): Promise<unknown> =>
    agent.value((result['slots'] as [never])[0]);

  test.each([
    ['in an object', { data: large }, '{ data: input.data }'],
    ['alone', large, 'input'],
  ])('that is returned leaves the function as it is, without a copy (%s)', async (_, input, result) => {
    await start(`let kept;
      function main(input) {
        if (kept !== undefined) return { left: kept.length };
        kept = input.data ?? input;
        return ${result};
      }`);
    expect(await valueOf(await run(input))).toEqual(input);
    expect((await agent.call({})).value).toEqual({ left: 0 });
  });

  test.each([
    ['is one of two', { a: large, b: large }, '{ a: input.a, b: input.b }', { a: large, b: large }],
    ['is returned in part', { b: large }, '{ part: input.b.subarray(1) }', { part: large.subarray(1) }],
  ])('that %s is copied', async (_, input, result, sent) => {
    await start(`let kept;
      function main(input) {
        if (kept !== undefined) return { left: kept.length };
        kept = input.b;
        return ${result};
      }`);
    expect(await valueOf(await run(input))).toEqual(sent);
    expect((await agent.call({})).value).toEqual({ left: 100_000 });
  });

  test('can be emitted twice and returned', async () => {
    await start(`async function main({ data }, { emit }) {
      await emit('part', { data });
      await emit('rest', data);
      return { data };
    }`);
    expect(await valueOf(await run({ data: large }))).toEqual({ data: large });
    const emits = agent.seen.filter((s) => s.type === 'EMIT');
    const sent = await Promise.all(emits.map(({ slot }) => agent.value(slot as never)));
    expect(sent).toEqual([{ data: large }, large]);
  });
});
