import { FrameType } from '@dataflower/action-runtime/protocol';
import { Fixture } from '../testing/fixture.js';
import { testSpec } from '../testing/test-runs.js';

// The system's clock is set while containers start and run: their limits are spans.

const HOUR_MS = 3_600_000;
const TIMEOUT_MS = 3000;

let f: Fixture;
beforeEach(() => (f = new Fixture()));
afterEach(() => f.close());

describe.each([
  ['an hour back', -HOUR_MS],
  ['an hour forward', HOUR_MS],
])('a clock that is set %s', (_, byMs) => {
  test('stops a run neither before its time is up nor after', async () => {
    const run = f.run(testSpec({ timeoutMs: TIMEOUT_MS }));
    const container = await f.driver.up(1);
    await container.received(FrameType.RUN);
    f.clock.setWall(byMs);
    f.clock.advance(TIMEOUT_MS - 40);
    expect(container.count(FrameType.TIMEOUT)).toBe(0);
    f.clock.advance(60);
    await container.received(FrameType.TIMEOUT);
    await f.advanceUntil(() => run.isOver);
    expect(run.end).toMatchObject({ timedOut: true, status: 2 });
    expect(run.end!.endedAt - run.end!.startedAt).toBeGreaterThanOrEqual(TIMEOUT_MS);
    expect(run.end!.endedAt - run.end!.startedAt).toBeLessThan(2 * TIMEOUT_MS);
  });

  test('counts neither in the start of a container nor in what that cost', async () => {
    f.driver.script = async (container) => {
      await container.connect();
      f.clock.setWall(byMs);
      f.clock.advance(40);
      container.hello();
      await container.received(FrameType.INIT);
      f.clock.setWall(byMs);
      f.clock.advance(25);
      container.ready();
    };
    const run = f.run();
    const container = await f.driver.up(1);
    await container.received(FrameType.RUN);
    container.answer();
    await run.done;
    expect(run.end).toMatchObject({ status: 0, initMs: 25, bootMs: 40 });
  });

  test('dates the lines of a log, and tells a run when the wall says that its time is up', async () => {
    f.clock.setWall(byMs);
    const run = f.run(testSpec({ timeoutMs: TIMEOUT_MS }));
    const container = await f.driver.up(1);
    await container.received(FrameType.RUN);
    expect(container.runs[0]!.deadline).toBe(f.clock.wall() + TIMEOUT_MS);
    container.options.onOutput('stdout', 'written past the DLU');
    container.answer();
    await run.done;
    expect(run.end!.logs[0]).toContain(new Date(f.clock.wall()).toISOString());
  });
});
