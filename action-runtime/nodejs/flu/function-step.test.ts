import { type StepFunction, Outcome, decodeValue } from '../../protocol/index.js';
import { TestAgent } from '../testing/test-agent.js';
import { runFunctions } from './function-step.js';
import type { LetFrame } from './step-environment.js';

const THREW = (path = ''): string =>
  `Function combinator threw an exception at AST node root${path} (see log for details)`;

async function run(codes: string | string[], input: unknown = {}, frames: LetFrame[] = []): Promise<unknown> {
  const functions: StepFunction[] = [codes].flat().map((code, i) => ({ code, path: i === 0 ? '' : `[${i}]` }));
  const { outcome, value } = await runFunctions(functions, input, frames);
  const result = decodeValue(Buffer.concat(value.segments));
  expect(outcome).toBe((result as { error?: unknown }).error === undefined ? Outcome.OK : Outcome.APPLICATION_ERROR);
  return result;
}

let complaints: unknown[];
beforeEach(() => {
  complaints = [];
  console.error = (...args: unknown[]) => complaints.push(args[0]);
});
const consoleError = console.error;
afterAll(() => (console.error = consoleError));

// The probes of Composer 0.12.0 that concern one function step.
test.each([
  ['() => null', {}, { value: null }],
  ['() => [1, 2]', {}, { value: [1, 2] }],
  ['() => new Date(0)', {}, { value: '1970-01-01T00:00:00.000Z' }],
  ['() => ({ error: null, a: 1 })', {}, { error: null }],
  ['() => ({ error: "" })', {}, { error: '' }],
  ['p => { p.z = 1 }', { a: 1 }, { a: 1, z: 1 }],
  ['async ({ n }) => ({ n: n + 1 })', { n: 1 }, { n: 2 }],
  ['() => ({ a: undefined, b: () => 1, c: NaN, d: [undefined] })', {}, { c: null, d: [null] }],
  ['() => Object.create({ error: 1 })', {}, {}],
  ['() => ({ error: undefined, a: 1 })', {}, { a: 1 }],
  ['() => ({ toJSON: () => ({ error: 1, a: 1 }) })', {}, { error: 1 }],
  ['() => ({ get error() { return this.n = (this.n ?? 0) + 1 } })', {}, { error: 1 }],
  ['() => new String("x")', {}, { value: 'x' }],
  ['() => ({ toJSON: () => undefined })', {}, { error: 'Internal error: "undefined" is not valid JSON' }],
  ['() => Symbol()', {}, { error: 'Internal error: "undefined" is not valid JSON' }],
  [
    '() => { Object.prototype.error = 1; setImmediate(() => delete Object.prototype.error); return { a: 1 } }',
    {},
    { a: 1 },
  ],
  ['() => () => 1', {}, { error: 'Function combinator evaluated to a function type at AST node root' }],
  ['"x=>({s:1})"', {}, { s: 1 }],
  ['42', {}, { error: THREW() }],
  ['() => { throw 1 }', {}, { error: THREW() }],
  ['() => Promise.reject(new Error("no"))', {}, { error: THREW() }],
  ['function ({ a }) { return { sum: a + this.constructor.name.length } }', { a: 1 }, { sum: 7 }],
  ['() => require("path").basename("/a/b")', {}, { value: 'b' }],
  ['() => ({ v: (function () { return this === undefined })() })', {}, { v: false }],
])('%s', async (code, input, result) => {
  expect(await run(code, input)).toEqual(result);
});

test('an exception goes to the log', async () => {
  await run('() => { throw new RangeError("seen") }');
  expect(complaints).toEqual([expect.stringMatching(/^RangeError: seen\n {4}at function\.js:1:15\n/)]);
});

test('functions run one after the other, up to the first error', async () => {
  expect(await run(['({ n }) => ({ n: n + 1 })', '({ n }) => ({ n: n * 10 })'], { n: 1 })).toEqual({ n: 20 });
  expect(await run(['() => ({ error: "stop", k: 1 })', '() => ({ n: 1 })'])).toEqual({ error: 'stop' });
  expect(await run(['() => 5', '({ value }) => { throw value }'])).toEqual({ error: THREW('[1]') });
});

test('binary stays binary from function to function', async () => {
  expect(
    await run(['({ b }) => ({ b: Buffer.concat([b, b]) })', '({ b }) => ({ is: Buffer.isBuffer(b), b })'], {
      b: Buffer.from('a'),
    }),
  ).toEqual({ is: true, b: Buffer.from('aa') });
});

describe('variables', () => {
  const vars = (...frames: (Record<string, unknown> | 'mask')[]): LetFrame[] =>
    frames.map((f) => (f === 'mask' ? { mask: true } : { vars: f }));

  test.each<[string, string | string[], LetFrame[], unknown, unknown]>([
    ['are read', '() => x', vars({ x: 1 }), { value: 1 }, vars({ x: 1 })],
    [
      'are written to the innermost frame that has them',
      '() => { x = 2; y = 3; return {} }',
      vars({ x: 1, y: 1 }, { x: 1 }),
      {},
      vars({ x: 1, y: 3 }, { x: 2 }),
    ],
    [
      'are copied as JSON',
      ['() => { x = { a: new Date(0), f: NaN } }', '() => x'],
      vars({ x: 0 }),
      { a: '1970-01-01T00:00:00.000Z', f: null },
      vars({ x: { a: '1970-01-01T00:00:00.000Z', f: null } }),
    ],
    ['change deep inside', ['() => { x.a = 2 }', '() => x'], vars({ x: { a: 1 } }), { a: 2 }, vars({ x: { a: 2 } })],
    [
      'keep what was written before a throw',
      '() => { x = 5; throw 1 }',
      vars({ x: 1 }),
      { error: THREW() },
      vars({ x: 5 }),
    ],
    [
      'lose what is written after an await',
      ['async () => { x = 2; await 0; x = 3 }', '() => x'],
      vars({ x: 1 }),
      { value: 2 },
      vars({ x: 2 }),
    ],
    ['must not become undefined', '() => { x = undefined }', vars({ x: 1 }), { error: THREW() }, vars({ x: 1 })],
    ['must not become a function', '() => { x = () => 1 }', vars({ x: 1 }), { error: THREW() }, vars({ x: 1 })],
    ['must not be reserved words', '() => 1', vars({ class: 1 }), { error: THREW() }, vars({ class: 1 })],
    [
      'hidden by a mask are not there',
      '() => typeof x',
      vars({ x: 1 }, 'mask'),
      { value: 'undefined' },
      vars({ x: 1 }, 'mask'),
    ],
    [
      'are hidden one let for each mask',
      '() => [typeof a, typeof b, typeof c]',
      vars({ a: 1 }, { b: 1 }, { c: 1 }, 'mask', 'mask'),
      { value: ['number', 'undefined', 'undefined'] },
      vars({ a: 1 }, { b: 1 }, { c: 1 }, 'mask', 'mask'),
    ],
    [
      'inside a mask are there',
      '() => { x++; return x }',
      vars({ x: 1 }, 'mask', { x: 10 }),
      { value: 11 },
      vars({ x: 1 }, 'mask', { x: 11 }),
    ],
    [
      'show through: the outer of two under one mask',
      '() => x',
      vars({ x: 1 }, { x: 2 }, 'mask'),
      { value: 1 },
      vars({ x: 1 }, { x: 2 }, 'mask'),
    ],
    [
      'a mask with nothing to hide hides nothing',
      '() => x',
      vars('mask', { x: 1 }),
      { value: 1 },
      vars('mask', { x: 1 }),
    ],
    [
      'named as the parameters are seen by name',
      '() => params === 7',
      vars({ params: 7 }),
      { value: true },
      vars({ params: 7 }),
    ],
  ])('%s', async (_, codes, frames, result, after) => {
    expect(await run(codes, {}, frames)).toEqual(result);
    expect(frames).toEqual(after);
  });
});

test("a composition's container runs its steps with their environment", async () => {
  const agent = await TestAgent.with('', { kind: 'steps', env: { __OW_ACTION_NAME: '/guest/comp' } });
  try {
    agent.define(1, {
      functions: [
        {
          path: '[0]',
          code: '() => { n++; console.log("step"); return { n, name: process.env.__OW_ACTION_NAME, id: process.env.__OW_ACTIVATION_ID } }',
        },
      ],
    });
    agent.define(2, { functions: [{ path: '[1]', code: '() => { throw new Error("step failed") }' }] });
    const frames = [{ vars: { n: 1 } }];
    expect(await agent.call({}, { definition: 1, env: frames, activationId: '0'.repeat(32) })).toMatchObject({
      outcome: Outcome.OK,
      hasEnv: true,
      env: [{ vars: { n: 2 } }],
      value: { n: 2, name: '/guest/comp', id: '0'.repeat(32) },
    });
    expect(agent.logs(1)).toEqual(['stdout: step']);
    const failed = await agent.call({}, { definition: 2 });
    expect(failed).toMatchObject({ outcome: Outcome.APPLICATION_ERROR, hasEnv: false, value: { error: THREW('[1]') } });
    expect(agent.logs(2)[0]).toBe('stderr: Error: step failed');
    const big = { x: 'y'.repeat(100_000) };
    const large = await agent.call({}, { definition: 1, env: [{ vars: { n: 1, ...big } }] });
    const slots = large['slots'] as { where: string; streamId: number; size: number }[];
    expect(slots.map((s) => s.where)).toEqual(['inline', 'stream']);
    agent.define(3, { functions: [{ path: '[2]', code: '() => { x = x + x }' }] });
    const grown = await agent.call({}, { definition: 3, env: [{ vars: { x: 'y'.repeat(600_000) } }] });
    expect(grown).toMatchObject({
      outcome: Outcome.APPLICATION_ERROR,
      hasEnv: false,
      value: { error: 'The variables of the composition have 1200019 bytes as JSON, at most 1048576 are allowed.' },
    });
  } finally {
    await agent.close();
  }
});
