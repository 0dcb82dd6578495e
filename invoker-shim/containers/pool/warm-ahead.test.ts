import { until } from '@dataflower/common/testing';
import { Fixture } from '../testing/fixture.js';
import type { ScriptedContainer } from '../testing/scripted-driver.js';
import { testSpec } from '../testing/test-runs.js';

// When containers start for expected runs, and how they are counted.

const START_MS = 500;

let f: Fixture;
beforeEach(() => {
  f = new Fixture();
});
afterEach(() => f.close());

const spec = (name: string) => testSpec({ key: name });
const running = (): string[] => f.executor.status().containers.map(({ key }) => key);

/** Runs a function once; its container takes `START_MS` to start, and it takes `ms`. The container goes. */
async function learn(name: string, ms: number): Promise<void> {
  let comeUp!: () => void;
  const script = f.driver.script;
  f.driver.script = (container) => new Promise<void>((resolve) => (comeUp = resolve)).then(() => container.comeUp());
  const count = f.driver.containers.length;
  const run = f.run(spec(name));
  await until(() => f.driver.containers.length > count);
  f.clock.advance(START_MS);
  comeUp();
  const container = f.driver.containers[count]!;
  await until(() => container.runs.length > 0);
  f.clock.advance(ms);
  container.answer();
  await run.done;
  f.driver.script = script;
  container.crash();
  await f.advanceUntil(() => !running().includes(name));
}

async function answer(container: ScriptedContainer): Promise<void> {
  await until(() => container.runs.length > 0, { what: `${container.id} has a run` });
  container.answer();
}

test('a container of an unknown function starts at once', async () => {
  f.executor.warm(spec('b'), [spec('a')]);
  expect(running()).toEqual(['b']);
  await f.driver.up(1);
});

test('behind a long function a container starts when it is needed, less the time of a start', async () => {
  await learn('a', 10_000);
  const run = f.run(spec('a'));
  const first = await f.driver.up(2);
  await until(() => first.runs.length === 1);
  f.executor.warm(spec('b'), [spec('a')]);
  // Ten seconds from now, less the time of a start and a margin.
  f.clock.advance(9000);
  expect(running()).toEqual(['a']);
  f.clock.advance(900);
  expect(running()).toEqual(['a', 'b']);
  await f.driver.up(3);
  await answer(first);
  await run.done;
});

test('a wholly cold chain starts at once where its functions are short', async () => {
  await learn('a', 0);
  await learn('b', 0);
  f.run(spec('a'));
  f.executor.warm(spec('b'), [spec('a')]);
  f.executor.warm(spec('c'), [spec('a'), spec('b')]);
  expect(running()).toEqual(['a', 'b', 'c']);
  await answer(await f.driver.up(3));
});

test('a hint that is taken back starts nothing', async () => {
  await learn('a', 10_000);
  const takeBack = f.executor.warm(spec('b'), [spec('a')]);
  takeBack!();
  f.clock.advance(20_000);
  expect(running()).toEqual([]);
});

test('containers that were used, and those that were started in vain, are counted', async () => {
  f.executor.warm(spec('a'));
  f.executor.warm(spec('b'));
  const run = f.run(spec('a'));
  await answer(await f.driver.up(1));
  await run.done;
  await f.driver.up(2);
  expect(f.executor.status().warmed).toEqual({ started: 2, used: 1, inVain: 0 });
  await f.advanceUntil(() => running().length === 0, 100_000);
  expect(f.executor.status().warmed).toEqual({ started: 2, used: 1, inVain: 1 });
});

test('of a long function one starts for each expected run, up to the cores; of any other one in all', async () => {
  await learn('a', 100);
  f.executor.warm(spec('a'), [], 5);
  f.executor.warm(spec('b'), [], 5);
  await until(() => f.driver.alive.length === 3);
  expect(running().sort()).toEqual(['a', 'a', 'b']);
});
