import { jest } from '@jest/globals';
import { FrameType, encodeEmit } from '@dataflower/action-runtime/protocol';
import { until } from '@dataflower/common/testing';
import { FunctionQueue } from './function-queue.js';
import { Fixture } from '../testing/fixture.js';
import type { ScriptedContainer } from '../testing/scripted-driver.js';
import { type TestRun, testSpec } from '../testing/test-runs.js';

describe('namespaces share the containers of a host:', () => {
  let f: Fixture;
  afterEach(() => f.close());

  const spec = (namespace: string, name = 'f', over = {}) =>
    testSpec({ namespace, key: `${namespace}/${name}`, ...over });
  const runs = (count: number, ...of: Parameters<typeof spec>): TestRun[] =>
    Array.from({ length: count }, () => f.run(spec(...of)));
  const of = (namespace: string): ScriptedContainer[] =>
    f.driver.alive.filter((container) => container.options.spec.namespace === namespace);
  /** Containers by namespace, such as `a 3, b 1`. */
  const held = (): string => {
    const counts = new Map<string, number>();
    for (const { key } of f.executor.status().containers)
      counts.set(key.split('/')[0]!, (counts.get(key.split('/')[0]!) ?? 0) + 1);
    return [...counts]
      .sort()
      .map(([name, count]) => `${name} ${count}`)
      .join(', ');
  };

  async function settle(): Promise<void> {
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Has a namespace get as many containers as it can, none of whose runs ends. */
  async function fill(namespace: string, count: number, ...more: [string?, object?]): Promise<TestRun[]> {
    const filling = runs(count, namespace, ...more);
    let last = -1;
    for (let steady = 0; steady < 3;) {
      f.clock.advance(50);
      await settle();
      const now = of(namespace).length;
      steady = now === last ? steady + 1 : 0;
      last = now;
    }
    return filling;
  }

  /** Answers whatever runs, time going on, until all runs are over. */
  async function answerAll(all: readonly TestRun[], each: () => void = () => undefined): Promise<void> {
    await until(
      () => {
        for (const container of f.driver.alive) if (container.runs.length > 0) container.answer();
        f.clock.advance(60);
        each();
        return all.every((run) => run.isOver);
      },
      { what: 'all runs are over' },
    );
  }

  it('one that is alone has nearly all, and those that come find a place at once', async () => {
    f = new Fixture({ maxContainers: 16, cores: 16 });
    const all = await fill('a', 60);
    expect(held()).toBe('a 14');
    for (const [i, newcomer] of ['b', 'c'].entries()) {
      all.push(...runs(30, newcomer));
      const container = await f.driver.up(15 + i);
      expect(container.options.spec.namespace).toBe(newcomer);
      await until(() => container.runs.length === 1, { what: 'it runs' });
    }
    await settle();
    expect(held()).toBe('a 14, b 1, c 1');
    await answerAll(all);
  });

  it('all of it where nothing is to be kept back, or the host is too small for that', async () => {
    for (const options of [{ maxContainers: 16, namespaceShare: 100 }, { maxContainers: 4 }]) {
      f = new Fixture({ cores: 16, ...options });
      const all = await fill('a', 60);
      expect(of('a')).toHaveLength(options.maxContainers);
      await answerAll(all);
      await f.close();
    }
    f = new Fixture();
  });

  it('so with memory: what one has keeps a container’s worth for others', async () => {
    f = new Fixture({ maxContainers: 100, memoryLimitMiB: 4096, cores: 16 });
    const all = await fill('a', 60, 'f', { memoryMiB: 512 });
    expect(held()).toBe('a 7');
    all.push(...runs(3, 'b', 'f', { memoryMiB: 256 }));
    await until(() => held() === 'a 7, b 1', { what: 'b runs' });
    await answerAll(all);
  });

  it('a place that gets free goes to the one that has fewest, in turn, until all have the same', async () => {
    f = new Fixture({ maxContainers: 6, namespaceShare: 100, minTurnMs: 50, cores: 16 });
    const all = await fill('a', 80);
    expect(held()).toBe('a 6');
    all.push(...runs(80, 'b'), ...runs(80, 'c'));
    const started = () => f.driver.containers.slice(6).map(({ options }) => options.spec.namespace);
    const seen = new Set<string>();
    await until(
      () => {
        seen.add(held());
        for (const container of of('a')) if (container.runs.length > 0) container.answer();
        f.clock.advance(60);
        return held() === 'a 2, b 2, c 2';
      },
      { what: 'each has the same' },
    );
    expect(started().slice(0, 4)).toEqual(['b', 'c', 'b', 'c']);
    // It stays so: no container is ended for another one's sake.
    const count = f.driver.containers.length;
    for (let i = 0; i < 10; i++) {
      for (const container of f.driver.alive) if (container.runs.length > 0) container.answer();
      f.clock.advance(60);
      await settle();
    }
    expect(f.driver.containers).toHaveLength(count);
    await answerAll(all);
  });

  it('more of them than places take turns', async () => {
    f = new Fixture({ maxContainers: 2, minTurnMs: 50 });
    const all = ['a', 'b', 'c', 'd', 'e'].flatMap((name) => runs(6, name));
    await settle();
    const turns: string[] = [];
    await answerAll(all, () => {
      for (const { options } of f.driver.containers.slice(turns.length)) turns.push(options.spec.namespace);
    });
    expect(turns.slice(0, 6)).toEqual(['a', 'a', 'b', 'c', 'd', 'e']);
  });

  it('functions of one take turns, also while another waits for more', async () => {
    f = new Fixture({ maxContainers: 4, minTurnMs: 50, cores: 16 });
    const all = [...runs(100, 'a', 'busy'), ...runs(100, 'b', 'busy')];
    await until(() => {
      for (const container of f.driver.alive) if (container.runs.length > 0) container.answer();
      f.clock.advance(60);
      return held() === 'a 2, b 2';
    });
    const second = f.run(spec('a', 'second'));
    all.push(second);
    await until(
      () => {
        for (const container of f.driver.alive) if (container.runs.length > 0) container.answer();
        f.clock.advance(60);
        return second.isOver;
      },
      { what: 'the second function has run' },
    );
    expect(all.filter((run) => !run.isOver).length).toBeGreaterThan(100);
    expect(of('b').length).toBeGreaterThanOrEqual(1);
    await answerAll(all);
  });

  it('one with many functions loses its own idle containers, not another’s only one', async () => {
    f = new Fixture({ maxContainers: 4 });
    const use = async (...what: Parameters<typeof spec>): Promise<void> => {
      const run = f.run(spec(...what));
      await answerAll([run]);
    };
    await use('small');
    for (let i = 0; i < 12; i++) await use('large', `f${i}`);
    expect(held()).toBe('large 3, small 1');
    const before = f.driver.containers.length;
    await use('small');
    expect(f.driver.containers).toHaveLength(before);
  });

  it('one that holds less than its part takes idle containers of one that holds more, also for a second container', async () => {
    f = new Fixture({ maxContainers: 4, cores: 16 });
    await answerAll(await fill('large', 4));
    expect(of('large')).toHaveLength(4);
    const all = await fill('small', 4);
    expect(held()).toBe('large 2, small 2');
    await answerAll(all);
  });

  it('the consumer of a container that waits in emit gets a place, even when others have the reserve', async () => {
    f = new Fixture({ maxContainers: 5, namespaceShare: 80, emitWindowBytes: 100, cores: 16 });
    const producers = Array.from({ length: 4 }, (_, i) => f.run(spec('a', `p${i}`), { ports: ['out'] }));
    const [first] = [await f.driver.up(1), await f.driver.up(4)];
    await first.received(FrameType.RUN);
    const others = runs(2, 'b');
    const consumer = f.run(spec('a', 'consumer'));
    await settle();
    expect(held()).toBe('a 4, b 1');
    f.sink.hasRoom = false;
    const bytes = Buffer.from(`\0"${'v'.repeat(200)}"`);
    first.send(encodeEmit({ invocationId: 1, port: 'out', shape: 0, slot: { where: 'inline', bytes } }));
    await until(() => f.driver.containers.some(({ options }) => options.spec.key === 'a/consumer'), {
      what: 'it starts',
    });
    await answerAll([consumer]);
    f.sink.hasRoom = true;
    await answerAll([...producers, ...others]);
  });

  it('a function that is held in emit has a further container for its own next run, whatever bounds its containers', async () => {
    f = new Fixture({ maxContainers: 1, maxContainersPerKey: 1, emitWindowBytes: 100 });
    const producer = f.run(spec('a'), { ports: ['out'] });
    const first = await f.driver.up(1);
    await first.received(FrameType.RUN);
    const consumer = f.run(spec('a'));
    f.sink.hasRoom = false;
    const bytes = Buffer.from(`\0"${'v'.repeat(200)}"`);
    first.send(encodeEmit({ invocationId: 1, port: 'out', shape: 0, slot: { where: 'inline', bytes } }));
    const second = await f.driver.up(2);
    await until(() => second.runs.length === 1, { what: 'the next run has a container' });
    second.answer();
    await consumer.done;
    f.sink.hasRoom = true;
    await answerAll([producer]);
  });

  it('a namespace whose waiting run is taken back is not in the way of others', async () => {
    f = new Fixture({ maxContainers: 1, minTurnMs: 50 });
    const all = runs(3, 'a');
    const container = await f.driver.up(1);
    await until(() => container.runs.length === 1);
    const gone = f.run(spec('b'));
    all.push(f.run(spec('c')));
    f.executor.cancel(gone, 'no more');
    await gone.done;
    await answerAll(all);
    expect(f.driver.containers.map(({ options }) => options.spec.namespace)).toEqual(['a', 'c', 'a']);
  });

  it('the cost of giving out a free place does not grow with the number of waiting runs', async () => {
    f = new Fixture({ maxContainers: 4, minTurnMs: 0, cores: 16 });
    const looked = jest.spyOn(FunctionQueue.prototype, 'waiting', 'get');
    const all = await fill('busy', 4);
    const perPlace: number[] = [];
    for (const namespaces of [10, 490]) {
      for (let i = 0; i < namespaces; i++) all.push(...runs(20, `n${all.length}`));
      await settle();
      looked.mockClear();
      const started = f.driver.containers.length;
      await until(
        () => {
          for (const container of f.driver.alive) if (container.runs.length > 0) container.answer();
          return f.driver.containers.length >= started + 40 || all.every((run) => run.isOver);
        },
        { what: 'places have changed hands' },
      );
      perPlace.push(looked.mock.calls.length / (f.driver.containers.length - started));
    }
    looked.mockRestore();
    expect(perPlace[1]!).toBeLessThan(3 * perPlace[0]!);
    for (const run of all) f.executor.cancel(run, 'enough');
  });
});
