import v8 from 'node:v8';
import vm from 'node:vm';
import { FrameType, encodeEmit, encodeIds } from '@dataflower/action-runtime/protocol';
import { until } from '@dataflower/common/testing';
import { Fixture } from '../testing/fixture.js';
import type { ScriptedContainer } from '../testing/scripted-driver.js';
import { type TestRun, testSpec } from '../testing/test-runs.js';

describe('the pool', () => {
  let f: Fixture;
  afterEach(() => f.close());

  const key = (name: string, over = {}) => testSpec({ key: name, ...over });
  const states = () => f.executor.status().containers.map((container) => `${container.key} ${container.state}`);

  /** Answers one run; `ms` is how long it takes by the clock. */
  async function answer(container: ScriptedContainer, ms = 0): Promise<void> {
    await until(() => container.runs.length > 0, { what: `${container.id} has a run` });
    if (ms > 0) f.clock.advance(ms);
    container.answer();
  }

  /** Lets the sockets work for some turns of the loop. */
  async function settle(): Promise<void> {
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  }

  async function learn(spec: ReturnType<typeof key>, ms: number): Promise<ScriptedContainer> {
    const run = f.run(spec);
    const container = await f.driver.up(f.driver.containers.length + 1);
    await answer(container, ms);
    await run.done;
    return container;
  }

  describe('sends ahead', () => {
    it('nothing to a function that it does not know, or that is long', async () => {
      f = new Fixture({ maxContainers: 1 });
      const runs = [f.run(), f.run(), f.run()];
      const container = await f.driver.up(1);
      for (const run of runs) {
        await until(() => container.runs.length > 0);
        await settle();
        expect(container.runs).toHaveLength(1);
        await answer(container, 50);
        await run.done;
      }
    });

    it('several to a short function, and starts no container for runs that end sooner than one starts', async () => {
      f = new Fixture();
      const container = await learn(key('a'), 0);
      const runs = Array.from({ length: 100 }, () => f.run(key('a')));
      await until(() => container.runs.length === 8);
      expect(f.driver.containers).toHaveLength(1);
      for (const run of runs) {
        await answer(container);
        await run.done;
      }
      expect(f.driver.containers).toHaveLength(1);
    });

    it('and withdraws the runs behind a slow one, for another container', async () => {
      f = new Fixture();
      const container = await learn(key('a'), 0);
      const [slow, ...behind] = Array.from({ length: 4 }, () => f.run(key('a'))) as [
        TestRun,
        TestRun,
        TestRun,
        TestRun,
      ];
      await until(() => container.runs.length === 4);
      await f.advanceUntil(() => f.driver.containers.length === 2);
      expect(container.count(FrameType.WITHDRAW)).toBe(1);
      const other = await f.driver.up(2);
      for (const run of behind) {
        await answer(other);
        await run.done;
      }
      expect(slow.isOver).toBe(false);
      await answer(container);
      await slow.done;
    });

    it('and knows a run that had started before it could be taken back', async () => {
      f = new Fixture({ maxContainers: 1 });
      const container = await learn(key('a'), 0);
      container.answersWithdraw = false;
      const [first, second, third] = Array.from({ length: 3 }, () => f.run(key('a'))) as [TestRun, TestRun, TestRun];
      await until(() => container.runs.length === 3);
      await f.advanceUntil(() => container.count(FrameType.WITHDRAW) === 1);
      container.answer();
      await first.done;
      expect(second.events).toEqual(['started']);
      container.giveBack([3, 4]);
      await settle();
      expect(third.events).toEqual([]);
      container.answer();
      await second.done;
      await answer(container);
      await third.done;
      expect(container.count(FrameType.RUN)).toBe(5);
    });

    it('and knows one that started past another that is being taken back', async () => {
      f = new Fixture({ maxContainers: 1 });
      const container = await learn(key('a'), 0);
      container.answersWithdraw = false;
      const runs = Array.from({ length: 4 }, () => f.run(key('a')));
      await until(() => container.runs.length === 4);
      await f.advanceUntil(() => container.count(FrameType.WITHDRAW) === 1);
      // It has given up the second and taken up the third when it is asked for the rest.
      const [, second, third, fourth] = container.runs;
      container.answer({}, { startedNext: third!.invocationId });
      container.runs.splice(0, 3, third!);
      await runs[0]!.done;
      expect(runs.map((run) => run.events[0])).toEqual(['started', undefined, 'started', undefined]);
      container.runs.splice(1, 1);
      container.send(encodeIds(FrameType.WITHDRAWN, [second!.invocationId, fourth!.invocationId]));
      for (let i = 0; i < 3; i++) await answer(container);
      await Promise.all(runs.map((run) => run.done));
      expect(runs.every((run) => run.end!.status === 0)).toBe(true);
    });

    it('drops one that is cancelled before it started, and leaves its neighbours', async () => {
      f = new Fixture({ maxContainers: 1 });
      const container = await learn(key('a'), 0);
      const [first, second, third] = Array.from({ length: 3 }, () => f.run(key('a'))) as [TestRun, TestRun, TestRun];
      await until(() => container.runs.length === 3);
      f.executor.cancel(second, 'no');
      await second.done;
      expect(second.events).toEqual(['dropped']);
      await answer(container);
      await answer(container);
      await Promise.all([first.done, third.done]);
    });
  });

  describe('keeps its bounds', () => {
    it('of containers, of one function and in all', async () => {
      f = new Fixture({ maxContainers: 3, maxContainersPerKey: 2, cores: 8 });
      const runs = Array.from({ length: 6 }, (_, i) => f.run(key(i < 4 ? 'a' : 'b')));
      await until(() => f.driver.containers.length === 3);
      await settle();
      expect(states().map((state) => state.split(' ')[0])).toEqual(['a', 'a', 'b']);
      for (const run of runs) {
        while (!run.isOver) {
          for (const container of f.driver.alive) if (container.runs.length > 0) container.answer();
          f.clock.advance(100);
          await settle();
        }
      }
      expect(Math.max(...f.driver.containers.map((_, i) => i))).toBeLessThan(6);
    });

    it('of memory, and refuses what can never fit', async () => {
      f = new Fixture({ memoryLimitMiB: 1000, cores: 8 });
      const runs = [1, 2, 3].map(() => f.run(key('a', { memoryMiB: 400 })));
      const never = f.run(key('b', { memoryMiB: 1001 }));
      await never.done;
      expect(never.end).toMatchObject({
        status: 3,
        value: { error: 'Failed to provision resources to run the action.' },
      });
      await until(() => f.driver.containers.length === 2);
      await settle();
      expect(f.driver.containers).toHaveLength(2);
      const [one, two] = [await f.driver.up(1), await f.driver.up(2)];
      await answer(one, 100);
      await answer(one, 100);
      await answer(two, 100);
      await Promise.all(runs.map((run) => run.done));
    });

    it('ends once what can never fit and is cancelled at once', async () => {
      f = new Fixture({ memoryLimitMiB: 1000 });
      const never = f.run(key('b', { memoryMiB: 1001 }));
      f.executor.cancel(never, 'no more');
      await never.done;
      await settle();
      expect(never.events).toEqual(['ended']);
    });

    it('and starts more containers for a long function while they allow it', async () => {
      f = new Fixture({ maxContainers: 4 });
      const first = await learn(key('a'), 500);
      const runs = Array.from({ length: 6 }, () => f.run(key('a')));
      await f.advanceUntil(() => f.driver.containers.length === 4);
      await settle();
      expect(f.driver.containers).toHaveLength(4);
      while (runs.some((run) => !run.isOver)) {
        for (const container of f.driver.alive) if (container.runs.length > 0) container.answer();
        await settle();
      }
      expect(first.count(FrameType.RUN)).toBeGreaterThan(1);
    });
  });

  describe('when every place is taken', () => {
    const keys = () => f.executor.status().containers.map((container) => container.key);

    it('a function without a container gets the place of one that has several, not the longest idle only one', async () => {
      f = new Fixture({ maxContainers: 3 });
      await learn(key('only'), 100);
      await learn(key('several'), 100);
      const two = [f.run(key('several')), f.run(key('several'))];
      const third = await f.driver.up(3);
      await until(() => third.runs.length > 0, { what: 'both have a run' });
      for (const container of f.driver.containers.slice(1)) await answer(container, 10);
      for (const run of two) await run.done;
      const run = f.run(key('new'));
      await answer(await f.driver.up(4));
      await run.done;
      expect(keys().sort()).toEqual(['new', 'only', 'several']);
    });

    it('a function that has a container takes none that another has used lately', async () => {
      f = new Fixture({ maxContainers: 2 });
      await learn(key('other'), 100);
      const mine = await learn(key('mine'), 100);
      const runs = Array.from({ length: 3 }, () => f.run(key('mine')));
      await settle();
      expect(keys()).toEqual(['other', 'mine']);
      f.clock.advance(10_000);
      await until(() => keys().filter((name) => name === 'mine').length === 2, {
        what: 'the unused place is taken',
      });
      const second = await f.driver.up(3);
      for (const container of [mine, second, mine]) await answer(container);
      for (const run of runs) await run.done;
    });

    it('ends the container that has been idle for longest', async () => {
      f = new Fixture({ maxContainers: 2 });
      const a = await learn(key('a'), 5);
      f.clock.advance(10);
      const b = await learn(key('b'), 5);
      f.clock.advance(10);
      const c = await learn(key('c'), 5);
      expect([a.state, b.state, c.state]).toEqual(['EXITED', 'RUNNING', 'RUNNING']);
    });

    it('gives the place of a busy function to the one that has waited longest for a first container', async () => {
      f = new Fixture({ maxContainers: 1, minTurnMs: 50 });
      const as = Array.from({ length: 40 }, () => f.run(key('a')));
      const a = await f.driver.up(1);
      await until(() => a.runs.length > 0);
      const [b, c] = [f.run(key('b')), f.run(key('c'))];
      // Its turn lasts a little, so that two functions do not throw each other out on every run.
      await answer(a, 10);
      await until(() => as[1]!.events.length > 0);
      expect(a.state).toBe('RUNNING');
      await answer(a, 45);
      const second = await f.driver.up(2);
      expect(second.options.spec.key).toBe('b');
      await answer(second, 1);
      await b.done;
      const third = await f.driver.up(3);
      expect(third.options.spec.key).toBe('c');
      await answer(third, 1);
      await c.done;
      // Then the first one goes on.
      for (let i = 4; as.some((run) => !run.isOver);) {
        const again = f.driver.containers[i - 1] ?? (await f.driver.up(i));
        if (again.state === 'EXITED') i++;
        else if (again.runs.length > 0) await answer(again);
        await settle();
      }
      expect(as.every((run) => run.end!.status === 0)).toBe(true);
    });

    it('gives a consumer a place beyond the bound while a producer waits in emit', async () => {
      f = new Fixture({ maxContainers: 1, emitWindowBytes: 100 });
      const producer = f.run(key('producer'), { ports: ['out'] });
      const a = await f.driver.up(1);
      await a.received(FrameType.RUN);
      const consumer = f.run(key('consumer'));
      await settle();
      expect(f.driver.containers).toHaveLength(1);
      f.sink.hasRoom = false;
      a.send(
        encodeEmit({
          invocationId: 1,
          port: 'out',
          shape: 0,
          slot: { where: 'inline', bytes: Buffer.from(`\0"${'v'.repeat(200)}"`) },
        }),
      );
      const b = await f.driver.up(2);
      expect(b.options.spec.key).toBe('consumer');
      await answer(b);
      await consumer.done;
      f.sink.hasRoom = true;
      await a.received(FrameType.GRANT);
      await answer(a);
      await producer.done;
      // Back to the bound.
      f.run(key('consumer'));
      await until(() => b.runs.length === 1 || f.driver.containers.length > 2);
      for (const container of f.driver.alive) if (container.runs.length > 0) container.answer();
      await until(() => f.driver.alive.length === 1);
    });
  });

  it('removes containers that have been idle for long', async () => {
    f = new Fixture({ idleMs: 1000 });
    const a = await learn(key('a'), 1);
    f.clock.advance(600);
    const b = await learn(key('b'), 1);
    f.clock.advance(500);
    await until(() => a.state === 'EXITED');
    expect(b.state).toBe('RUNNING');
    f.clock.advance(600);
    await until(() => b.state === 'EXITED');
    await until(() => f.clock.timers === 0);
  });

  it('warms a container for a run that is expected, which then does not pay for it', async () => {
    f = new Fixture();
    f.executor.warm(key('a'));
    f.executor.warm(key('a'));
    const container = await f.driver.up(1);
    await until(() => states()[0] === 'a IDLE');
    f.clock.advance(5);
    const run = f.run(key('a'));
    await answer(container);
    await run.done;
    expect(run.end).toMatchObject({ coldStart: false, initMs: undefined });
    f.executor.warm(key('a'));
    expect(f.driver.containers).toHaveLength(1);
  });

  it('forgets a function that has neither work nor containers', async () => {
    f = new Fixture({ idleMs: 100 });
    for (let i = 0; i < 5; i++) {
      await learn(key(`k${i}`), 1);
      f.clock.advance(200);
      await until(() => f.driver.alive.length === 0);
    }
    expect(f.executor.status()).toMatchObject({ queued: 0, running: 0, containers: [] });
  });

  it('forgets a function whose runs were all taken back before it got a place', async () => {
    v8.setFlagsFromString('--expose-gc');
    const gc = vm.runInNewContext('gc') as () => void;
    f = new Fixture({ maxContainers: 1 });
    const running = f.run(key('busy'));
    const container = await f.driver.up(1);
    const specs: WeakRef<object>[] = [];
    // In a function of its own, so that no variable keeps the specs.
    const cancelled = async (name: string): Promise<void> => {
      const spec = key(name);
      specs.push(new WeakRef(spec));
      const run = f.run(spec);
      f.executor.cancel(run, 'no more');
      await run.done;
    };
    for (let i = 0; i < 50; i++) await cancelled(`k${i}`);
    await settle();
    gc();
    expect(specs.filter((spec) => spec.deref() !== undefined).length).toBeLessThan(5);
    await answer(container);
    await running.done;
  });
});
