import fc from 'fast-check';
import { until } from '@dataflower/common/testing';
import type { ScriptedContainer } from '../testing/scripted-driver.js';
import { Fixture } from '../testing/fixture.js';
import { type TestRun, testSpec } from '../testing/test-runs.js';

// In any order of events the bounds hold, and every accepted run ends once.

const MAX_CONTAINERS = 5;
const MEMORY_MIB = 1024;

const name = fc.constantFrom('a', 'b', 'c', 'd');
/** Each function's memory, so that eviction has to count. */
const memoryOf: Readonly<Record<string, number>> = { a: 128, b: 256, c: 256, d: 512 };

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('run' as const), name }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('warm' as const), name }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('answer' as const), which: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const), which: fc.nat(20) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('time' as const), ms: fc.constantFrom(10, 200, 3000, 40_000) }) },
);

test('containers and memory never pass their bounds, and every run ends once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const f = new Fixture({
        maxContainers: MAX_CONTAINERS,
        memoryLimitMiB: MEMORY_MIB,
        pauseAfterMs: 2000,
        idleMs: 30_000,
        prewarm: [
          { kind: 'nodejs:20', memoryMiB: 256, count: 2, keepAliveMs: 20_000 },
          { kind: 'nodejs:20', memoryMiB: 128, count: 1 },
        ],
        prewarmReplaceMs: 100,
      });
      f.driver.pauses = true;
      const { start } = f.driver;
      f.driver.start = (options) => {
        check();
        return start.call(f.driver, options);
      };
      const runs: TestRun[] = [];
      const alive = (which: number): ScriptedContainer | undefined => f.driver.alive[which % f.driver.alive.length];
      const check = (): void => {
        const { containers } = f.executor.status();
        const memory = containers.reduce((sum, { key }) => {
          const prewarmed = /pre-warmed \S+ (\d+) MiB/.exec(key)?.[1];
          return sum + (prewarmed === undefined ? memoryOf[key]! : Number(prewarmed));
        }, 0);
        expect(containers.length).toBeLessThanOrEqual(MAX_CONTAINERS);
        expect(memory).toBeLessThanOrEqual(MEMORY_MIB);
      };
      const spec = (key: string) =>
        testSpec({ key, namespace: key < 'c' ? 'one' : 'other', memoryMiB: memoryOf[key]! });
      for (const next of steps) {
        if (next.do === 'run') runs.push(f.run(spec(next.name)));
        else if (next.do === 'warm') f.executor.warm(spec(next.name));
        else if (next.do === 'time') f.clock.advance(next.ms);
        else if (next.do === 'crash') alive(next.which)?.crash();
        else if ((alive(next.which)?.runs.length ?? 0) > 0) alive(next.which)!.answer();
        check();
        await new Promise(setImmediate);
        check();
      }
      // The remaining runs are answered; with the crashes over all end well, and none was answered twice (TestRun throws).
      await until(
        () => {
          for (const container of f.driver.alive) if (container.runs.length > 0) container.answer();
          f.clock.advance(20);
          check();
          return runs.every((run) => run.isOver);
        },
        { what: 'all runs are over' },
      );
      await f.close();
    }),
    { numRuns: 40 },
  );
});
