import { FrameType, decodeInit } from '@dataflower/action-runtime/protocol';
import { until } from '@dataflower/common/testing';
import { Fixture } from '../testing/fixture.js';
import type { ScriptedContainer } from '../testing/scripted-driver.js';
import { testSpec } from '../testing/test-runs.js';

// Containers that start before a function needs them.

const SHELF = { kind: 'nodejs:20', memoryMiB: 128, count: 1 };

let f: Fixture;
afterEach(() => f.close());

const spec = (name: string, over = {}) => testSpec({ key: name, ...over });
const states = (): string[] => f.executor.status().containers.map(({ state }) => state);
/** Comes up as far as it can without being told what to run, then goes on when it is. */
const started = (): number => f.driver.containers.length;

/** A fixture whose pre-warmed containers have come up. */
async function stocked(options: ConstructorParameters<typeof Fixture>[0] = {}): Promise<ScriptedContainer> {
  f = new Fixture({ prewarm: [SHELF], ...options });
  f.clock.advance(1);
  await until(() => states().includes('PREWARMED'), { what: 'one is pre-warmed' });
  return f.driver.containers[0]!;
}

async function answer(container: ScriptedContainer): Promise<void> {
  await until(() => container.runs.length > 0, { what: `${container.id} has a run` });
  container.answer();
}

test('one greets, is not told what to run, and waits without being watched', async () => {
  const container = await stocked();
  await container.received(FrameType.WELCOME);
  expect(container.count(FrameType.INIT)).toBe(0);
  await f.advanceUntil(() => f.clock.timers === 0);
  f.clock.advance(3_600_000);
  expect(states()).toEqual(['PREWARMED']);
});

test('the first function of its kind and memory takes it, and no other ever gets it', async () => {
  const container = await stocked({ prewarmReplaceMs: 100 });
  const run = f.run(spec('a', { code: 'code of a' }));
  f.clock.advance(5);
  await answer(container);
  await run.done;
  expect(started()).toBe(1);
  expect(run.end).toMatchObject({ status: 0, coldStart: true });
  const { init } = decodeInit((await container.received(FrameType.INIT)).payload);
  expect(init.name).toBe('a');
  const other = f.run(spec('b'));
  await until(() => started() > 1);
  await answer(f.driver.containers[1]!);
  await other.done;
  expect(container.count(FrameType.RUN)).toBe(1);
  expect(container.count(FrameType.INIT)).toBe(1);
});

test.each([
  ['memory limit', { memoryMiB: 256 }],
  ['kind', { kind: 'python:3' }],
  ['image', { image: 'someone/image' }],
])('a function with another %s starts a container of its own', async (_what, over) => {
  const container = await stocked();
  const run = f.run(spec('a', over));
  await answer(await f.driver.up(2));
  await run.done;
  expect(container.count(FrameType.INIT)).toBe(0);
});

test('one that was taken is replaced when nothing else starts or waits', async () => {
  const container = await stocked({ prewarmReplaceMs: 100, cores: 1 });
  const run = f.run(spec('a'));
  await until(() => container.runs.length === 1);
  // The only core is at work.
  f.clock.advance(500);
  expect(started()).toBe(1);
  container.answer();
  await run.done;
  await f.advanceUntil(() => states().includes('PREWARMED'));
  expect(started()).toBe(2);
  f.clock.advance(10_000);
  expect(started()).toBe(2);
});

test('where the cores are at work all the time, it is replaced after a while all the same', async () => {
  const container = await stocked({ prewarmReplaceMs: 100, cores: 1 });
  const run = f.run(spec('a'));
  await until(() => container.runs.length === 1);
  await f.advanceUntil(() => states().includes('PREWARMED'));
  container.answer();
  await run.done;
});

test('one that dies while it waits is replaced; when none comes up, attempts become rare', async () => {
  const container = await stocked({ prewarmReplaceMs: 100 });
  f.driver.script = (next) => next.crash();
  container.crash();
  await until(() => states().length === 0);
  for (let i = 0; i < 600; i++) {
    f.clock.advance(100);
    await new Promise(setImmediate);
  }
  // A minute: after 0.2, 0.4, 0.8, … seconds, not 600 times.
  expect(started()).toBeGreaterThan(4);
  expect(started()).toBeLessThan(12);
  f.driver.script = (next) => next.comeUp();
  await f.advanceUntil(() => states().includes('PREWARMED'), 1000);
});

test('one that dies while a function takes it costs the function nothing but time', async () => {
  const container = await stocked();
  let load!: () => void;
  const loading = new Promise<void>((resolve) => (load = resolve));
  const plain = spec('a');
  const run = f.run({ ...plain, load: () => loading.then(() => plain.load()) });
  container.crash();
  await until(() => started() === 2);
  load();
  await answer(f.driver.containers[1]!);
  await run.done;
  expect(run.end).toMatchObject({ status: 0 });
  expect(container.count(FrameType.INIT)).toBe(0);
});

test('one that is still starting is taken too', async () => {
  f = new Fixture({ prewarm: [SHELF] });
  let comeUp!: () => void;
  const slow = new Promise<void>((resolve) => (comeUp = resolve));
  f.driver.script = (container) => slow.then(() => container.comeUp());
  f.clock.advance(1);
  await until(() => started() === 1);
  const run = f.run(spec('a'));
  comeUp();
  await answer(f.driver.containers[0]!);
  await run.done;
  expect(started()).toBe(1);
});

test('code that cannot be initialized fails its own function with its own error, in a pre-warmed container too', async () => {
  const container = await stocked();
  const run = f.run(spec('a'));
  await container.received(FrameType.INIT);
  container.crash();
  await f.advanceUntil(() => run.isOver);
  expect(run.end).toMatchObject({ status: 2, coldStart: true });
});

test('it counts in the bounds, and is evicted before any container that has run', async () => {
  const container = await stocked({ maxContainers: 2, memoryLimitMiB: 512 });
  const first = f.run(spec('a', { memoryMiB: 256 }));
  const warm = await f.driver.up(2);
  await answer(warm);
  await first.done;
  f.clock.advance(30_000);
  const second = f.run(spec('b', { memoryMiB: 256 }));
  await answer(await f.driver.up(3));
  await second.done;
  expect([container.state, warm.state]).toEqual(['EXITED', 'RUNNING']);
  // There is no room for it now.
  f.clock.advance(60_000);
  expect(started()).toBe(3);
});

test('unused ones are removed after their time, and come back with the next cold start', async () => {
  await stocked({ prewarm: [{ ...SHELF, keepAliveMs: 60_000 }], prewarmReplaceMs: 100 });
  f.clock.advance(30_000);
  const run = f.run(spec('a'));
  await answer(f.driver.containers[0]!);
  await run.done;
  await f.advanceUntil(() => states().includes('PREWARMED'));
  const other = f.driver.containers[1]!;
  f.clock.advance(30_000);
  expect(other.state).toBe('RUNNING');
  await f.advanceUntil(() => other.state === 'EXITED', 1000);
  f.clock.advance(120_000);
  expect(started()).toBe(2);
  const next = f.run(spec('b'));
  await answer(await f.driver.up(3));
  await next.done;
  await f.advanceUntil(() => states().includes('PREWARMED'));
});

test('closing ends those that wait and those that start', async () => {
  await stocked({ prewarm: [{ ...SHELF, count: 3 }], prewarmReplaceMs: 100 });
  f.driver.script = () => undefined;
  await f.advanceUntil(() => states().includes('STARTING'));
  // The rest is the fixture's: no container, timer or socket may be left.
});

test('while the engine is away functions fail as ever, and it is stocked when it is back', async () => {
  f = new Fixture({ prewarm: [SHELF], prewarmReplaceMs: 100 });
  const { start } = f.driver;
  f.driver.start = () => Promise.reject(new Error('the engine is away'));
  f.clock.advance(1);
  const run = f.run(spec('a'));
  await f.advanceUntil(() => run.isOver, 100);
  expect(run.end).toMatchObject({ status: 3 });
  f.driver.start = start;
  await f.advanceUntil(() => states().includes('PREWARMED'), 1000);
});
