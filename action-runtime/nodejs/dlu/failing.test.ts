import { Outcome } from '../../protocol/index.js';
import { TestAgent, runFrame } from '../testing/test-agent.js';

let agent: TestAgent;
afterEach(() => agent.close());

const EXITED = 'The action did not produce a valid response and exited unexpectedly.';
const MEMORY = 'The action exhausted its memory and was aborted.';

async function failure(code: string, init: object = {}): Promise<unknown> {
  agent = await TestAgent.with(code, init);
  const result = await agent.call();
  expect(result['outcome']).toBe(Outcome.DEVELOPER_ERROR);
  await agent.exited();
  return (result['value'] as { error: unknown }).error;
}

test('process.exit', async () => {
  expect(await failure('function main() { console.log("bye"); process.stdout.write("half"); process.exit(3) }')).toBe(
    EXITED,
  );
  expect(agent.logs()).toEqual(['stdout: bye', 'stdout: half']);
});

test('an uncaught exception, with its stack in the log', async () => {
  expect(
    await failure(
      'function main() { setTimeout(() => { throw new TypeError("oops") }); return new Promise(() => {}) }',
    ),
  ).toBe(EXITED);
  expect(agent.logs()[0]).toBe('stderr: TypeError: oops');
});

test('an unhandled rejection', async () => {
  expect(
    await failure('async function main() { Promise.reject(new Error("lost")); await new Promise(() => {}) }'),
  ).toBe(EXITED);
});

test('a full heap', async () => {
  expect(
    await failure('function main() { const all = []; for (;;) all.push(new Array(1000).fill(all.length)) }', {
      memoryMiB: 64,
    }),
  ).toBe(MEMORY);
});

test('memory beyond the limit outside the heap', async () => {
  const code =
    'const kept = []; function main() { return new Promise(() => setInterval(() => kept.push(Buffer.alloc(1 << 24, 1)), 5)) }';
  expect(await failure(code, { memoryMiB: 128 })).toBe(MEMORY);
});

test('Buffers allocated without ever waiting', async () => {
  const code =
    'const kept = []; function main() { for (let i = 0; i < 256; i++) kept.push(Buffer.alloc(1 << 23, 1)); for (;;); }';
  expect(await failure(code, { memoryMiB: 128 })).toBe(MEMORY);
});

test('a synchronous throw, and nothing more runs there', async () => {
  agent = await TestAgent.with('function main({ ok }) { if (!ok) throw new Error("no"); return {} }');
  agent.send(runFrame(1, {}), runFrame(2, { ok: true }));
  expect(await agent.result(1)).toMatchObject({
    outcome: Outcome.DEVELOPER_ERROR,
    startedNext: 0,
    value: { error: 'An error has occurred: Error: no' },
  });
  await agent.exited();
  expect(agent.seen.some((s) => s.type === 'RESULT' && s.id === 2)).toBe(false);
  expect(agent.logs(1)[0]).toBe('stderr: Error: no');
});

test.each([
  ['5', 'The action did not return a dictionary.'],
  ['"text"', 'The action did not return a dictionary.'],
  ['() => 1', 'The action did not return a dictionary.'],
  ['null', 'The action did not produce a valid JSON or JSON Array response: null'],
  ['new Date(0)', 'The action did not produce a valid JSON or JSON Array response: "1970-01-01T00:00:00.000Z"'],
  ['(() => { const a = {}; a.a = a; return a })()', 'Internal error.'],
  ['({ big: 1n })', 'Internal error.'],
])('a returned %s', async (expression, text) => {
  expect(await failure(`function main() { return ${expression} }`)).toBe(text);
});

test.each([
  ['new Error("no")', { name: 'Error', message: 'no', stack: expect.stringContaining('Error: no') as string }],
  [
    'Object.assign(new TypeError("t"), { code: "E", extra: { deep: [1] } })',
    expect.objectContaining({ name: 'TypeError', code: 'E', extra: { deep: [1] } }) as object,
  ],
  ['"text"', 'text'],
  ['{ a: 1 }', { a: 1 }],
  ['', {}],
  ['0', {}],
])('a promise rejected with %s is an application error', async (reason, error) => {
  agent = await TestAgent.with(`function main() { return Promise.reject(${reason}) }`);
  const result = await agent.call();
  expect(result).toMatchObject({ outcome: Outcome.APPLICATION_ERROR });
  expect(result['value']).toEqual({ error });
  expect((await agent.call())['outcome']).toBe(Outcome.APPLICATION_ERROR);
});

test('an application error is cut down to its error', async () => {
  agent = await TestAgent.with('function main(p) { return { error: p.e, more: 1 } }');
  expect(await agent.call({ e: null })).toMatchObject({ outcome: Outcome.APPLICATION_ERROR, value: { error: null } });
  expect((await agent.call({ e: { code: 4 } })).value).toEqual({ error: { code: 4 } });
  expect(await agent.call({})).toMatchObject({ outcome: Outcome.OK, value: { more: 1 } });
});

test.each([
  ['undefined', {}],
  ['[1, { a: 2 }]', [1, { a: 2 }]],
])('a returned %s is fine', async (expression, value) => {
  agent = await TestAgent.with(`function main() { return ${expression} }`);
  expect(await agent.call()).toMatchObject({ outcome: Outcome.OK, value });
});

test('what was announced as started is not answered for when its predecessor dies', async () => {
  agent = await TestAgent.with('function main({ die }) { if (die) process.exit(1); return {} }');
  agent.send(runFrame(1, {}), runFrame(2, { die: true }), runFrame(3, {}));
  expect(await agent.result(2)).toMatchObject({
    outcome: Outcome.DEVELOPER_ERROR,
    value: { error: EXITED },
    startedNext: 0,
  });
  await agent.exited();
  expect(agent.seen.filter((s) => s.type === 'RESULT').map((s) => s.id)).toEqual([1, 2]);
});
