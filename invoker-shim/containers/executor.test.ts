import { FrameType, Outcome, encodeLog } from '@dataflower/action-runtime/protocol';
import { Fixture } from './testing/fixture.js';
import { testSpec } from './testing/test-runs.js';
import { until } from '@dataflower/common/testing';

describe('the executor', () => {
  let f: Fixture;
  beforeEach(() => (f = new Fixture()));
  afterEach(() => f.close());

  it('runs a function in a new container and reports the times of the cold start', async () => {
    f.driver.script = async (container) => {
      await container.connect();
      container.hello();
      await container.received(FrameType.INIT);
      f.clock.advance(25);
      container.ready();
    };
    const run = f.run(testSpec(), { input: f.sink.of({ n: 1 }) });
    expect(run.events).toEqual([]);
    const container = await f.driver.up(1);
    await container.received(FrameType.RUN);
    expect(run.events).toEqual(['started']);
    expect(container.runs[0]!.activationId.toString('hex')).toBe(run.activationId);
    f.clock.advance(7);
    container.answer({ n: 2 });
    await run.done;
    expect(run.events).toEqual(['started', 'ended']);
    expect(run.end).toMatchObject({
      status: 0,
      value: { n: 2 },
      env: null,
      timedOut: false,
      initMs: 25,
      coldStart: true,
      logs: [],
    });
    expect(run.end!.endedAt - run.end!.startedAt).toBe(7);
  });

  it('reuses the container that ran last, and a warm start costs nothing', async () => {
    const [a, b] = [f.run(), f.run()];
    const first = await f.driver.up(1);
    const second = await f.driver.up(2);
    await until(() => first.runs.length + second.runs.length === 2);
    second.answer();
    await until(() => a.isOver || b.isOver);
    first.answer();
    await Promise.all([a.done, b.done]);
    for (let i = 0; i < 3; i++) {
      const run = f.run();
      await until(() => first.runs.length === 1);
      first.answer();
      await run.done;
      expect(run.end).toMatchObject({ coldStart: false, initMs: undefined });
    }
    expect(second.count(FrameType.RUN)).toBe(1);
  });

  it('starts waiting runs in the order in which they came', async () => {
    await f.close();
    f = new Fixture({ maxContainers: 1 });
    const runs = Array.from({ length: 5 }, () => f.run());
    const container = await f.driver.up(1);
    for (let i = 0; i < 5; i++) {
      await until(() => container.runs.length > 0);
      expect(runs.map((run) => run.events.length > 0)).toEqual(runs.map((_, j) => j <= i));
      f.clock.advance(100);
      container.answer();
      await runs[i]!.done;
    }
  });

  it('hands application errors on and keeps the container', async () => {
    const run = f.run();
    const container = await f.driver.up(1);
    await container.received(FrameType.RUN);
    container.answer({ error: 'no' }, { outcome: Outcome.APPLICATION_ERROR });
    await run.done;
    expect(run.end).toMatchObject({ status: 1, value: { error: 'no' } });
    expect(f.executor.status().containers).toMatchObject([{ state: 'IDLE', runs: 1 }]);
  });

  it('destroys the container after a developer error', async () => {
    const run = f.run();
    const container = await f.driver.up(1);
    await container.received(FrameType.RUN);
    container.answer({ error: 'broken' }, { outcome: Outcome.DEVELOPER_ERROR });
    await run.done;
    expect(run.end).toMatchObject({ status: 2, value: { error: 'broken' } });
    await until(() => container.state === 'EXITED');
    expect(f.executor.status().containers).toEqual([]);
  });

  it('collects the log as OpenWhisk shows it, up to its limit', async () => {
    const run = f.run(testSpec({ logLimitBytes: 3 * 42 + 17 }));
    const container = await f.driver.up(1);
    await container.received(FrameType.RUN);
    const time = Date.parse('2024-01-01T00:00:00.123Z');
    const line = (text: string): Buffer =>
      encodeLog({ invocationId: 1, stream: 'stdout', time, text, truncated: false });
    container.send(line('one'), line('two'), line('much too long for it'), line('never'));
    container.answer();
    await run.done;
    expect(run.end!.logs.slice(0, 3)).toEqual([
      '2024-01-01T00:00:00.123Z       stdout: one',
      '2024-01-01T00:00:00.123Z       stdout: two',
      '2024-01-01T00:00:00.123Z       stdout: much too lo',
    ]);
    expect(run.end!.logs[3]).toMatch(
      / stderr: Logs were truncated because the total bytes size exceeds the limit of 143 bytes\.$/,
    );
    expect(run.end!.logs).toHaveLength(4);
  });

  it('drops a run that is cancelled or withdrawn while it waits', async () => {
    await f.close();
    f = new Fixture({ maxContainers: 1 });
    const running = f.run();
    const container = await f.driver.up(1);
    await container.received(FrameType.RUN);
    const [cancelled, withdrawn, kept] = [f.run(), f.run(), f.run()];
    f.executor.cancel(cancelled, 'no more');
    f.executor.withdraw(withdrawn);
    expect(cancelled.isOver).toBe(false);
    await Promise.all([cancelled.done, withdrawn.done]);
    expect([cancelled.events, withdrawn.events]).toEqual([['dropped'], ['dropped']]);
    f.clock.advance(50);
    container.answer();
    await until(() => container.runs.length === 1);
    expect(kept.events).toEqual(['started']);
    container.answer();
    await Promise.all([running.done, kept.done]);
  });

  it('stops the container of a running run that is cancelled', async () => {
    const run = f.run();
    const container = await f.driver.up(1);
    await container.received(FrameType.RUN);
    f.executor.withdraw(run);
    expect(container.state).toBe('RUNNING');
    f.executor.cancel(run, 'The activation was cancelled.');
    await run.done;
    expect(run.end).toMatchObject({ status: 2, value: { error: 'The activation was cancelled.' }, timedOut: false });
    expect(container.state).toBe('EXITED');
    f.executor.cancel(run, 'again');
  });

  it('sends a definition once a container, before its first run', async () => {
    const definition = { outputs: ['a'], ports: false };
    const other = { outputs: ['b'], ports: true };
    const container = await (async () => {
      f.run(testSpec(), { definition });
      return f.driver.up(1);
    })();
    for (const [i, next] of [definition, other, undefined].entries()) {
      await container.received(FrameType.RUN, i + 1);
      container.answer();
      await until(() => f.executor.status().running === 0);
      f.run(testSpec(), next === undefined ? {} : { definition: next });
    }
    await container.received(FrameType.RUN, 4);
    const seen = container.frames.filter(({ type }) => type === FrameType.DEFINE || type === FrameType.RUN);
    expect(seen.map(({ type }) => type)).toEqual([
      FrameType.DEFINE,
      FrameType.RUN,
      FrameType.RUN,
      FrameType.DEFINE,
      FrameType.RUN,
      FrameType.RUN,
    ]);
    expect(container.runs[0]!.definition).toBe(0);
    container.answer();
    await until(() => f.executor.status().running === 0);
  });

  describe('when it closes', () => {
    it('drops waiting runs, lets running ones end, and takes no more', async () => {
      await f.close();
      f = new Fixture({ maxContainers: 1 });
      const running = f.run();
      const container = await f.driver.up(1);
      await container.received(FrameType.RUN);
      const waiting = f.run();
      const closed = f.executor.close(10_000);
      const late = f.run();
      await Promise.all([waiting.done, late.done]);
      expect([waiting.wasDropped, late.wasDropped, running.isOver]).toEqual([true, true, false]);
      container.answer({ well: true });
      await closed;
      expect(running.end).toMatchObject({ status: 0, value: { well: true } });
      expect(f.driver.alive).toEqual([]);
    });

    it('stops what still runs after the drain', async () => {
      const running = f.run();
      const container = await f.driver.up(1);
      await container.received(FrameType.RUN);
      const closed = f.executor.close(1000);
      f.clock.advance(999);
      expect(running.isOver).toBe(false);
      f.clock.advance(1);
      await closed;
      expect(running.end).toMatchObject({ status: 2 });
    });
  });

  describe('time limits', () => {
    it('count from the start of the function, tell the container first, and destroy it', async () => {
      const run = f.run(testSpec({ timeoutMs: 1000 }));
      const container = await f.driver.up(1);
      await container.received(FrameType.RUN);
      f.clock.advance(990);
      expect(container.count(FrameType.TIMEOUT)).toBe(0);
      f.clock.advance(20);
      await container.received(FrameType.TIMEOUT);
      container.send(
        encodeLog({ invocationId: 1, stream: 'stderr', time: f.clock.now(), text: 'last words', truncated: false }),
      );
      await f.advanceUntil(() => container.state === 'EXITED', 1);
      await run.done;
      expect(run.end).toMatchObject({
        status: 2,
        timedOut: true,
        value: { error: 'The action exceeded its time limits of 1000 milliseconds.' },
      });
      expect(run.end!.logs.some((line) => line.endsWith('stderr: last words'))).toBe(true);
    });

    it('are kept for the initialization, by a text of its own', async () => {
      f.driver.script = async (container) => {
        await container.connect();
        container.hello();
      };
      const run = f.run(testSpec({ timeoutMs: 500 }));
      await f.driver.up(1);
      await f.advanceUntil(() => run.isOver);
      expect(run.end).toMatchObject({
        status: 2,
        timedOut: true,
        value: { error: 'The action exceeded its time limits of 500 milliseconds during initialization.' },
      });
    });
  });

  it('has no timer left a moment after its work is done', async () => {
    const run = f.run();
    const container = await f.driver.up(1);
    await container.received(FrameType.RUN);
    container.answer();
    await run.done;
    f.clock.advance(100);
    // The one for idle containers.
    expect(f.clock.timers).toBe(1);
  });
});
