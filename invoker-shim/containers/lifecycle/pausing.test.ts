import { FLAG_END, FrameType, encodeFrame, encodeResult, encodeValue } from '@dataflower/action-runtime/protocol';
import { until } from '@dataflower/common/testing';
import { Fixture } from '../testing/fixture.js';
import type { ScriptedContainer } from '../testing/scripted-driver.js';
import { testSpec } from '../testing/test-runs.js';

// Containers without work are paused, woken up when there is some, and removed in the end.

let f: Fixture;
beforeEach(() => {
  f = new Fixture({ pauseAfterMs: 1000, idleMs: 60_000 });
  f.driver.pauses = true;
});
afterEach(() => f.close());

const spec = (name = 'a') => testSpec({ key: name });
const states = (): string[] => f.executor.status().containers.map(({ state }) => state);

async function answer(container: ScriptedContainer, ms = 0): Promise<void> {
  await until(() => container.runs.length > 0, { what: `${container.id} has a run` });
  if (ms > 0) f.clock.advance(ms);
  container.answer();
}

async function used(name = 'a', ms = 0): Promise<ScriptedContainer> {
  const run = f.run(spec(name));
  const container = await f.driver.up(f.driver.containers.length + 1);
  await answer(container, ms);
  await run.done;
  return container;
}

async function paused(name = 'a', ms = 0): Promise<ScriptedContainer> {
  const container = await used(name, ms);
  f.clock.advance(1000);
  await until(() => states().includes('PAUSED'), { what: 'it is paused' });
  return container;
}

test('one that was idle is paused, and woken up before it is given a run', async () => {
  const container = await paused();
  let wakeUp!: () => void;
  container.engineAnswers = new Promise((resolve) => (wakeUp = resolve));
  const run = f.run(spec());
  expect(container.asked).toEqual(['pause', 'resume']);
  expect(states()).toEqual(['RESUMING']);
  f.clock.advance(100);
  expect(container.runs).toEqual([]);
  wakeUp();
  await answer(container);
  await run.done;
  expect(run.end).toMatchObject({ status: 0, coldStart: false });
  expect(f.driver.containers).toHaveLength(1);
});

test('work that comes while it is being paused waits until it can be woken up', async () => {
  const container = await used();
  let answered!: () => void;
  container.engineAnswers = new Promise((resolve) => (answered = resolve));
  f.clock.advance(1000);
  expect(states()).toEqual(['PAUSING']);
  const run = f.run(spec());
  expect(container.asked).toEqual(['pause']);
  answered();
  await answer(container);
  await run.done;
  expect(container.asked).toEqual(['pause', 'resume']);
});

test('one that was used again meanwhile is not paused before its time', async () => {
  const container = await used();
  f.clock.advance(600);
  const run = f.run(spec());
  await answer(container);
  await run.done;
  f.clock.advance(600);
  expect(container.asked).toEqual([]);
  f.clock.advance(400);
  expect(container.asked).toEqual(['pause']);
});

test('one that cannot be woken up is ended, and its work runs in another', async () => {
  const container = await paused();
  container.engineAnswers = Promise.reject(new Error('no such container'));
  const run = f.run(spec());
  await answer(await f.driver.up(2));
  await run.done;
  expect(run.end).toMatchObject({ status: 0 });
  expect(container.state).toBe('EXITED');
  expect(f.warnings).toEqual([expect.objectContaining({ detail: expect.stringContaining('no such container') })]);
});

test('one that dies while it is paused is gone, and nothing is lost', async () => {
  const container = await paused();
  container.crash();
  await f.advanceUntil(() => states().length === 0);
  const run = f.run(spec());
  await answer(await f.driver.up(2));
  await run.done;
  expect(run.end).toMatchObject({ status: 0 });
});

test('one that dies while it is being resumed takes no place when the engine answers after all', async () => {
  await f.close();
  f = new Fixture({ pauseAfterMs: 1000, maxContainers: 1 });
  f.driver.pauses = true;
  const container = await paused('a', 100);
  let wokenUp!: () => void;
  container.engineAnswers = new Promise((resolve) => (wokenUp = resolve));
  const first = f.run(spec('a'));
  container.crash();
  await f.advanceUntil(() => f.driver.containers.length === 2);
  const other = f.run(spec('b'));
  wokenUp();
  const second = await f.driver.up(2);
  const next = f.run(spec('a'));
  await answer(second, 100);
  await first.done;
  // The place goes to who has none, and back when that is through.
  const third = await f.driver.up(3);
  await answer(third);
  await other.done;
  expect(next.isOver).toBe(false);
  await answer(await f.driver.up(4));
  await next.done;
});

test('it is removed when it has been idle for long, and gives way like any idle one', async () => {
  const container = await paused();
  f.clock.advance(59_000);
  await until(() => container.state === 'EXITED', { what: 'it is removed' });
});

test('a hint that work comes wakes it up', async () => {
  const container = await paused();
  f.executor.warm(spec());
  await until(() => states().includes('IDLE'));
  expect(container.asked).toEqual(['pause', 'resume']);
  expect(f.executor.status().warmed.started).toBe(0);
});

test('with a driver that cannot pause nothing is asked of it', async () => {
  f.driver.pauses = false;
  await used();
  f.clock.advance(30_000);
  expect(states()).toEqual(['IDLE']);
});

test('one whose result is still coming in is neither paused nor removed, and is idle from when it is here', async () => {
  await f.close();
  f = new Fixture({ pauseAfterMs: 1000, idleMs: 3000 });
  f.driver.pauses = true;
  const run = f.run(spec());
  const container = await f.driver.up(1);
  await until(() => container.runs.length > 0);
  const value = Buffer.concat(encodeValue('x'.repeat(100_000)).segments);
  const slots = [{ where: 'stream', streamId: 1, size: value.length }] as const;
  container.send(encodeResult({ invocationId: 1, outcome: 0, shape: 0, startedNext: 0, slots, hasEnv: false }));
  await until(() => f.executor.status().running === 0);
  for (let ms = 0; ms < 4500; ms += 100) f.clock.advance(100);
  expect(container.asked).toEqual([]);
  expect(states()).toEqual(['RUNNING']);
  container.send(encodeFrame(FrameType.DATA, FLAG_END, 1, value));
  await run.done;
  expect(run.end).toMatchObject({ status: 0, value: 'x'.repeat(100_000) });
  f.clock.advance(900);
  expect(states()).toEqual(['IDLE']);
  await f.advanceUntil(() => states()[0] === 'PAUSED', 100);
  await f.advanceUntil(() => container.state === 'EXITED', 100);
});
