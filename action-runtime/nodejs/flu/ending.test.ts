import { FrameType, Outcome } from '../../protocol/index.js';
import { TestAgent, control, runFrame } from '../testing/test-agent.js';

let agent: TestAgent;
afterEach(() => agent.close());

const EXITED = 'The action did not produce a valid response and exited unexpectedly.';
const INIT_EXITED = 'The action did not initialize and exited unexpectedly.';

const results = (): number[] => agent.seen.filter((s) => s.type === 'RESULT').map((s) => s.id);

/** How a run of this body ends the process. */
async function ending(body: string, init = {}): Promise<{ error: unknown; logs: string[] }> {
  agent = await TestAgent.with(`async function main(p, context) { ${body} }`, init);
  const result = await agent.call();
  expect(result['outcome']).toBe(Outcome.DEVELOPER_ERROR);
  await agent.exited();
  expect(results()).toEqual([1]);
  return { error: (result['value'] as { error: unknown }).error, logs: agent.logs(1) };
}

test('an exit in a run: its handlers have run, and what they said is in the log before the answer', async () => {
  const end = await ending(
    `process.on('exit', (code) => { console.log('first', code); process.stdout.write('un'); });
     process.on('exit', () => { process.stdout.write('finished'); process.exitCode = 9; });
     setImmediate(() => process.exit(4)); await new Promise(() => {})`,
  );
  expect(end).toEqual({ error: EXITED, logs: ['stdout: first 4', 'stdout: unfinished'] });
  expect(agent.seen.at(-1)!.type).toBe('RESULT');
  expect(agent.exitCode).toBe(9);
});

test.each([
  ['exits again', 'process.exit(5)'],
  ['throws', 'throw new Error("in the handler")'],
])('an exit whose handler %s', async (_, body) => {
  expect(
    (
      await ending(
        `process.on('exit', () => { ${body} }); setImmediate(() => process.exit(1)); await new Promise(() => {})`,
      )
    ).error,
  ).toBe(EXITED);
});

test('an exit by the function that Node itself calls', async () => {
  expect((await ending('process.reallyExit(0)')).error).toBe(EXITED);
});

test('an uncaught exception is in the log behind what exit handlers say', async () => {
  const { error, logs } = await ending(
    `process.on('exit', (code) => console.log('exit', code)); setTimeout(() => { throw new TypeError('oops') }); await new Promise(() => {})`,
  );
  expect(error).toBe(EXITED);
  expect(logs.slice(0, 2)).toEqual(['stdout: exit 1', 'stderr: TypeError: oops']);
});

test('the stack of an uncaught exception has no frame of the runtime', async () => {
  // The trace is made inside a function that the runtime itself calls.
  const { logs } = await ending(
    `const error = new Error('made here'); setImmediate(() => { throw error }); await new Promise(() => {})`,
  );
  expect(logs).toContainEqual(expect.stringMatching(/^stderr: +at (?:async )?main \(/));
  expect(logs.filter((line) => /runner|dist\//.test(line))).toEqual([]);
});

test('a handler of exceptions keeps the process, and one that throws ends it', async () => {
  agent =
    await TestAgent.with(`process.on('uncaughtException', (error) => { if (error.message === 'fatal') throw error; caught.push(error.message) }); const caught = [];
    async function main({ message }) { setImmediate(() => { throw new Error(message) }); await new Promise((done) => setTimeout(done, 50)); return { caught } }`);
  expect((await agent.call({ message: 'first' })).value).toEqual({ caught: ['first'] });
  expect((await agent.call({ message: 'fatal' })).value).toEqual({ error: EXITED });
  await agent.exited();
});

test('a handler of rejections keeps the process', async () => {
  agent = await TestAgent.with(`const caught = []; process.on('unhandledRejection', (reason) => caught.push(reason));
    async function main() { Promise.reject('lost'); await new Promise((done) => setTimeout(done, 50)); return { caught } }`);
  expect((await agent.call()).value).toEqual({ caught: ['lost'] });
});

test.each([
  ['an exit', 'process.exit(0)', []],
  ['an exception', 'throw new Error("later")', ['stderr: Error: later']],
])('%s while the code loads leaves the lines behind', async (_, body, more) => {
  agent = await TestAgent.start();
  const ready = await agent.init(
    `console.log('loading'); setImmediate(() => { ${body} }); await new Promise(() => {}); export const main = 1`,
  );
  expect(ready).toMatchObject({ ok: false, error: INIT_EXITED });
  await agent.exited();
  expect(agent.logs(0).slice(0, 1 + more.length)).toEqual(['stdout: loading', ...more]);
});

test('an exit between two runs answers for none', async () => {
  agent = await TestAgent.with('function main() { setTimeout(() => process.exit(1), 20); return { fine: true } }');
  expect((await agent.call()).value).toEqual({ fine: true });
  await agent.exited();
  expect(results()).toEqual([1]);
});

test('what a run has handed over arrives whole although it exits', async () => {
  agent = await TestAgent.with(
    `async function main(p, { emit }) { console.log('x'.repeat(50000)); await emit('part', Buffer.alloc(3000000, 1)); process.exit(0) }`,
  );
  agent.define(1, { outputs: ['part'] });
  const result = await agent.call({}, { definition: 1 });
  expect(result.value).toEqual({ error: EXITED });
  const { slot } = (await agent.next('EMIT')) as unknown as {
    slot: { where: 'stream'; streamId: number; size: number };
  };
  expect((await agent.value(slot)) as Buffer).toHaveLength(3000000);
  await agent.exited();
});

test.each(['process.abort()', "process.kill(process.pid, 'SIGKILL')", 'process.exit(0)', 'process.reallyExit(0)'])(
  'results that were finished before %s are not lost',
  async (end) => {
    agent = await TestAgent.with(`function main({ last }) { if (last) ${end}; return {} }`, {}, { runChannel: true });
    const ids = Array.from({ length: 200 }, () => agent.newId());
    agent.sendSmall(...ids.map((id) => runFrame(id, { last: id === 150 })));
    await agent.exited();
    const answered = results().filter((id) => id !== 150);
    expect(answered).toEqual(ids.slice(0, 149));
  },
);

test('a loop without end in an exit handler ends at the time limit', async () => {
  agent = await TestAgent.with(
    `function main() { process.on('exit', () => { console.log('on'); for (;;); }); process.exit() }`,
  );
  const id = agent.run();
  await agent.next('LOG');
  agent.send(control(FrameType.TIMEOUT, id));
  await agent.exited();
  expect(results()).toEqual([]);
});

test('a function that exits at its end and one that is cancelled are answered for once', async () => {
  for (let i = 0; i < 5; i++) {
    agent = await TestAgent.with('function main() { console.log("on"); process.exit(0) }');
    const id = agent.run();
    await agent.next('LOG');
    agent.send(control(FrameType.CANCEL, id));
    await agent.exited();
    expect(results()).toEqual([id]);
    if (i < 4) await agent.close();
  }
});
