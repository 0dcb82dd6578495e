import { existsSync } from 'node:fs';
import { TestAgent, runFrame } from '../testing/test-agent.js';
import { saying, tarGzOf, zipOf } from '../testing/archives.js';

let agent: TestAgent;
afterEach(() => agent.close());

async function load(code: string | Buffer, main = 'main'): Promise<unknown> {
  agent = await TestAgent.with(code, { main });
  return (await agent.call({ a: 1 })).value;
}

async function refusal(code: string | Buffer, main = 'main'): Promise<string> {
  agent = await TestAgent.start();
  const ready = await agent.init(code, { main });
  expect(ready['ok']).toBe(false);
  await agent.exited();
  return String(ready['error']);
}

test.each([
  ['a function', 'function main(p) { return { ...p, ok: 1 } }'],
  ['an arrow function in a constant', 'const main = (p) => ({ ...p, ok: 1 })'],
  ['exports', 'exports.main = (p) => ({ ...p, ok: 1 })'],
  ['module.exports', 'module.exports = { main: (p) => ({ ...p, ok: 1 }) }'],
  ['require', 'const { format } = require("util"); function main(p) { return { ...p, ok: Number(format("%d", 1)) } }'],
  [
    'dynamic import',
    'async function main(p) { const { basename } = await import("node:path"); return { ...p, ok: Number(basename("/x/1")) } }',
  ],
  ['a comment at its end', 'function main(p) { return { ...p, ok: 1 } } // end'],
  [
    'an ES module',
    'import { format } from "node:util"; export function main(p) { return { ...p, ok: Number(format("%d", 1)) } }',
  ],
  ['an ES module with a default export', 'export default async (p) => ({ ...p, ok: 1 })'],
  ['an ES module that awaits', 'const ok = await Promise.resolve(1); export const main = (p) => ({ ...p, ok })'],
])('inline code: %s', async (_, code) => {
  expect(await load(code)).toEqual({ a: 1, ok: 1 });
});

test('main by another name, and within an object', async () => {
  expect(await load('function other() { return { ok: 1 } }', 'other')).toEqual({ ok: 1 });
  await agent.close();
  expect(await load('const api = { v1: { go: () => ({ ok: 2 }) } }', 'api.v1.go')).toEqual({ ok: 2 });
});

test.each([
  [
    'code that does not parse',
    'function main() { let x = ; }',
    /^Initialization has failed due to: action\.js:1\nfunction main\(\) { let x = ; }\n +\^\n\nSyntaxError: Unexpected token ';'$/,
  ],
  [
    'code without its end',
    'function main() {\n  if (1) {\n}',
    /^Initialization has failed due to: action\.js:3\n}\n \n\nSyntaxError: Unexpected end of input$/,
  ],
  ['code that throws', 'throw new Error("on load")', /^Initialization has failed due to: Error: on load\n/],
  ['code that throws a string', 'throw "just text"', /^Initialization has failed due to: just text$/],
  ['no function', 'const main = 5', /^Initialization has failed due to: Action entrypoint 'main' is not a function\.$/],
  ['no main', 'const other = 5', /^Initialization has failed due to: Action entrypoint 'main' is not a function\.$/],
  ['no code', '', /^Missing main\/no code to execute\.$/],
  ['an ES module without main', 'export const other = 1', /Action entrypoint 'main' is not a function\.$/],
  ['an exit', 'process.exit(1)', /^The action did not initialize and exited unexpectedly\.$/],
  [
    'no archive',
    Buffer.from('what is this'),
    /There was an error uncompressing the action archive\. The file type is unsupported$/,
  ],
])('%s is refused with the text of OpenWhisk', async (_, code, text) => {
  expect(await refusal(code)).toMatch(text);
});

test('a failed load leaves its lines behind', async () => {
  await refusal('console.log("before"); throw new Error("x")');
  expect(agent.logs().slice(0, 2)).toEqual(['stdout: before', 'stderr: Error during initialization: Error: x']);
});

const INDEX = 'exports.main = (p) => ({ ...p, ok: 1 })';

describe.each([
  ['zip', zipOf],
  ['tar.gz', tarGzOf],
])('an archive, %s', (_, archive) => {
  test('index.js, its neighbours, its node_modules and its directory', async () => {
    const code = await archive({
      'index.js':
        'const dep = require("dep"); const fs = require("fs"); exports.main = (p) => ({ ...p, ok: dep, text: fs.readFileSync("./lib/text.txt", "utf8"), cwd: process.cwd() })',
      'lib/text.txt': 'hello',
      'node_modules/dep/index.js': 'module.exports = 42',
    });
    const value = (await load(code)) as { cwd: string };
    expect(value).toMatchObject({ a: 1, ok: 42, text: 'hello' });
    expect(existsSync(value.cwd)).toBe(true);
    agent.child.kill('SIGTERM');
  });

  test('main of package.json, and a function by another name', async () => {
    expect(
      await load(
        await archive({ 'package.json': '{"main":"src/app.js"}', 'src/app.js': 'exports.go = () => ({ ok: 2 })' }),
        'go',
      ),
    ).toEqual({ ok: 2 });
  });

  test('file.function', async () => {
    expect(await load(await archive({ 'other.js': INDEX }), 'other.main')).toEqual({ a: 1, ok: 1 });
  });

  test('an ES module by its package, or by its name', async () => {
    expect(
      await load(
        await archive({ 'package.json': '{"type":"module"}', 'index.js': 'export const main = () => ({ ok: 3 })' }),
      ),
    ).toEqual({ ok: 3 });
    await agent.close();
    expect(await load(await archive({ 'app.mjs': 'export const main = () => ({ ok: 4 })' }), 'app.main')).toEqual({
      ok: 4,
    });
  });

  test('neither package.json nor index.js', async () => {
    expect(await refusal(await archive({ 'hello.txt': 'hello' }))).toBe(
      'Initialization has failed due to: Zipped actions must contain either package.json or index.js at the root.',
    );
  });
});

test('what is wrong with an archive is told in one sentence, without a stack', async () => {
  const wrong = saying(await zipOf({ 'index.js': INDEX }), { method: 12 });
  const sentence =
    "There was an error uncompressing the action archive. The entry 'index.js' is compressed by bzip2: only deflated and stored entries are read.";
  expect(await refusal(wrong)).toBe(`Initialization has failed due to: ${sentence}`);
  expect(agent.logs()).toEqual([`stderr: Error during initialization: ${sentence}`]);
});

test('a zip without entries lacks what an action needs', async () => {
  expect(await refusal(await zipOf({}))).toMatch(/Zipped actions must contain either package\.json or index\.js/);
});

test('what an archive was unpacked to is removed at the end', async () => {
  const { cwd } = (await load(await zipOf({ 'index.js': 'exports.main = () => ({ cwd: process.cwd() })' }))) as {
    cwd: string;
  };
  agent.send(Buffer.from([0, 0, 0, 12, 23, 0, 0, 0, 0, 0, 0, 0]));
  await agent.exited();
  expect(existsSync(cwd)).toBe(false);
});

describe('an addon that refuses a thread', () => {
  // Node's own error for an addon that is not made for several contexts.
  const refuses = `if (!require('node:worker_threads').isMainThread) throw Object.assign(new Error('Module did not self-register'), { code: 'ERR_DLOPEN_FAILED' });`;
  const archive = (body: string): Promise<Buffer> => zipOf({ 'index.js': `${refuses} ${body}` });

  test('gets a process of its own, which does all that a thread does', async () => {
    const code = await archive(`exports.main = async (p, { emit }) => {
      console.log('pid', process.pid !== process.ppid); if (p.emit) await emit('part', Buffer.alloc(p.emit, 1)); return { ...p, id: process.env.__OW_ACTIVATION_ID, cwd: process.cwd().length > 1 } }`);
    agent = await TestAgent.with(code, { parameters: { bound: 1 } }, { runChannel: true });
    expect(agent.runChannel).toBeUndefined();
    agent.define(1, { outputs: ['part'] });
    expect((await agent.call({ emit: 100_000 }, { definition: 1 })).value).toEqual({
      bound: 1,
      emit: 100_000,
      id: '00112233445566778899aabbccddeeff',
      cwd: true,
    });
    const { slot } = (await agent.next('EMIT')) as unknown as {
      slot: { where: 'stream'; streamId: number; size: number };
    };
    expect(((await agent.value(slot)) as Buffer).length).toBe(100_000);
    const ids = [11, 12, 13];
    agent.send(...ids.map((id) => runFrame(id, {})));
    await agent.result(ids[2]!);
    expect(agent.seen.filter((s) => ids.includes(s.id) && s.type === 'RESULT').map((s) => s['startedNext'])).toEqual([
      ids[1],
      ids[2],
      0,
    ]);
    expect(agent.logs(ids[0])).toEqual(['stdout: pid true']);
  });

  test('queued runs are taken back from behind it', async () => {
    agent = await TestAgent.with(
      await archive(
        'exports.main = ({ block }) => { for (const end = Date.now() + (block || 0); Date.now() < end;); return {} }',
      ),
    );
    const first = agent.run({ block: 300 });
    const second = agent.run({});
    agent.send(Buffer.from([0, 0, 0, 16, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, second]));
    expect((await agent.next('WITHDRAWN'))['ids']).toEqual([second]);
    expect((await agent.result(first))['startedNext']).toBe(0);
  });

  test.each([
    ['exits', 'process.exit(1)', 'The action did not produce a valid response and exited unexpectedly.'],
    [
      'fills its heap',
      'const all = []; for (;;) all.push(new Array(1000).fill(all.length))',
      'The action exhausted its memory and was aborted.',
    ],
    ['throws', 'throw new Error("no")', 'An error has occurred: Error: no'],
  ])(
    'its end is answered for when it %s',
    async (_, body, text) => {
      agent = await TestAgent.with(await archive(`exports.main = () => { ${body} }`), { memoryMiB: 64 });
      expect((await agent.call()).value).toEqual({ error: text });
      await agent.exited();
    },
    300_000,
  );
});
