import fc from 'fast-check';
import { FrameType, Outcome, encodeEmit } from '@dataflower/action-runtime/protocol';
import { Fixture } from '../testing/fixture.js';
import type { ScriptedContainer } from '../testing/scripted-driver.js';
import { type TestRun, testSpec } from '../testing/test-runs.js';

/** The next event: of a container, of a run, or of the clock. */
const action = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('answer' as const), which: fc.nat(50) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('execute' as const), which: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('advance' as const), which: fc.constantFrom(1, 20, 60) }) },
  fc.record({
    do: fc.constantFrom(
      'crash' as const,
      'fail' as const,
      'emit' as const,
      'garbage' as const,
      'cancel' as const,
      'withdraw' as const,
      'warm' as const,
      'room' as const,
    ),
    which: fc.nat(50),
  }),
);

describe('whatever happens to containers', () => {
  it('every run ends or is dropped exactly once, and nothing is left', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 10, maxLength: 80 }), async (actions) => {
        const f = new Fixture({ maxContainers: 2, emitWindowBytes: 300 });
        const specs = [0, 1, 2].map((i) => testSpec({ key: `k${i}` }));
        const runs: TestRun[] = [];
        const turn = () => new Promise((resolve) => setImmediate(resolve));
        const busy = (): ScriptedContainer[] => f.driver.alive.filter((container) => container.runs.length > 0);
        // Known as short from here on, so that runs are sent ahead.
        for (const spec of specs.slice(0, 2)) {
          const first = f.run(spec);
          const container = await f.driver.up(f.driver.containers.length + 1);
          await container.received(FrameType.RUN);
          container.answer();
          await first.done;
        }
        for (const { do: what, which } of actions) {
          const container = busy()[which % Math.max(1, busy().length)];
          const run = runs[which % Math.max(1, runs.length)];
          if (what === 'execute') runs.push(f.run(specs[which], { ports: ['out'] }));
          else if (what === 'advance') f.clock.advance(which);
          else if (what === 'warm') f.executor.warm(specs[which % 3]!);
          else if (what === 'room') f.sink.hasRoom = which % 2 === 0;
          else if (what === 'cancel' && run !== undefined) f.executor.cancel(run, 'cancelled');
          else if (what === 'withdraw' && run !== undefined) f.executor.withdraw(run);
          else if (container !== undefined) {
            if (what === 'answer') container.answer();
            else if (what === 'fail')
              container.answer({ error: 'x' }, { outcome: Outcome.DEVELOPER_ERROR, startedNext: 0 });
            else if (what === 'crash') container.crash();
            else if (what === 'garbage') container.send(Buffer.alloc(20, which));
            else if (what === 'emit') {
              const slot = { where: 'inline', bytes: Buffer.from('\0"0123456789"') } as const;
              container.send(encodeEmit({ invocationId: container.ids[0]!, port: 'out', shape: 0, slot }));
            }
          }
          for (let i = which % 4; i > 0; i--) await turn();
        }
        f.sink.hasRoom = true;
        for (let i = 0; runs.some((run) => !run.isOver); i++) {
          if (i > 5000) throw new Error(`a run does not end: ${JSON.stringify(f.executor.status())}`);
          for (const container of busy()) container.answer();
          if (i % 10 === 9) f.clock.advance(20);
          await turn();
        }
        await f.close();
        // Two endings of one run would have been noticed as an error, by `close`.
        for (const run of runs)
          expect(run.events.filter((event) => event === 'ended' || event === 'dropped')).toHaveLength(1);
        expect(
          f.driver.containers.every(
            (container) => container.count(FrameType.RUN) === 0 || container.count(FrameType.INIT) === 1,
          ),
        ).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});
