import { once } from 'node:events';
import { LOG_LINE_BYTES } from '../../protocol/index.js';
import { TestAgent } from '../testing/test-agent.js';

let agent: TestAgent;
afterEach(() => agent.close());

test('lines come one by one and before the result, from both streams', async () => {
  agent = await TestAgent.with(`function main() {
    console.log('one\\ntwo'); console.error('three %d', 3); process.stdout.write('fo'); process.stdout.write('ur'); console.log(); process.stderr.write(Buffer.from('last')); return {} }`);
  const id = agent.run();
  await agent.result(id);
  expect(agent.logs(id)).toEqual(['stdout: one', 'stdout: two', 'stderr: three 3', 'stdout: four', 'stderr: last']);
  expect(agent.seen.at(-1)!.type).toBe('RESULT');
});

test('lines written while loading belong to the first invocation, those of an ended one to the next', async () => {
  agent = await TestAgent.with(`
    console.log("loading");
    let written;
    const late = new Promise((resolve) => (written = resolve));
    function main({ second }) {
      if (second) return late;
      setImmediate(() => { console.log("after"); written() });
    }`);
  await agent.call();
  await agent.call({ second: true });
  expect(agent.logs(1)).toEqual(['stdout: loading']);
  expect(agent.logs(2)).toEqual(['stdout: after']);
});

test('the log is cut at its limit, said once', async () => {
  agent = await TestAgent.with(
    'function main() { for (let i = 0; i < 1000; i++) console.log("123456789"); return {} }',
    { logLimitBytes: 10 * (9 + LOG_LINE_BYTES) + LOG_LINE_BYTES + 5 },
  );
  await agent.call();
  const lines = agent.seen.filter((s) => s.type === 'LOG');
  expect(lines).toHaveLength(11);
  expect(lines.map((l) => l['truncated'])).toEqual([...new Array<boolean>(10).fill(false), true]);
  expect(lines.at(-1)!['text']).toBe('12345');
  await agent.call();
  expect(agent.logs(2)).toHaveLength(11);
});

test('a flood of lines arrives whole and in order, before the result', async () => {
  agent = await TestAgent.with(
    'function main() { for (let i = 0; i < 50000; i++) console.log("line " + i); return {} }',
    { logLimitBytes: 1e9 },
  );
  await agent.call();
  const lines = agent.logs(1);
  expect(lines).toHaveLength(50000);
  expect(lines.every((line, i) => line === `stdout: line ${i}`)).toBe(true);
  expect(agent.seen.at(-1)!.type).toBe('RESULT');
});

test('a flood is not lost on an agent that reads slowly', async () => {
  agent = await TestAgent.with(
    `function main() {
      for (let i = 0; i < 20000; i++) console.log("x".repeat(200) + i);
      require("node:fs").writeSync(2, "written");
      return { big: "y".repeat(50000) };
    }`,
    { logLimitBytes: 1e9 },
  );
  agent.socket.pause();
  const written = once(agent.child.stderr!, 'data');
  const id = agent.run();
  // The kernel's buffer is full long before the function has written everything; frames are cut anywhere then.
  await written;
  agent.socket.resume();
  expect(((await agent.result(id)).value as { big: string }).big).toHaveLength(50000);
  expect(agent.logs(id).every((line, i) => line === `stdout: ${'x'.repeat(200)}${i}`)).toBe(true);
  expect(agent.logs(id)).toHaveLength(20000);
});

test('a very long line comes in parts that are no lines, cut between characters', async () => {
  const line = `-${'😀'.repeat(100_000)}`;
  agent = await TestAgent.with(
    `function main({ parts }) {
      const line = '-' + '😀'.repeat(100_000);
      if (!parts) console.log(line);
      else for (let at = 0; at < line.length; at += 999) process.stdout.write(line.slice(at, at + 999));
      return {};
    }`,
    { logLimitBytes: 1e9 },
  );
  for (const parts of [false, true]) {
    const id = agent.run({ parts });
    await agent.result(id);
    const frames = agent.seen.filter((seen) => seen.type === 'LOG' && seen.id === id);
    expect(frames.length).toBeGreaterThan(2);
    expect(frames.map((frame) => frame['partial'])).toEqual([...frames.slice(1).map(() => true), false]);
    if (!parts) expect(frames.map((frame) => frame['text']).join('')).toBe(line);
    else expect(frames.map((frame) => frame['text']).join('')).toHaveLength(line.length);
  }
});
