import { FLAG_MARKED, FrameType, encodeLog } from '@dataflower/action-runtime/protocol';
import { until } from '@dataflower/common/testing';
import { Fixture } from '../testing/fixture.js';
import type { ScriptedContainer } from '../testing/scripted-driver.js';
import { type TestRun, testSpec } from '../testing/test-runs.js';

const NOT_COLLECTED = 'stderr: There was an issue while collecting your logs. Data might be missing.';

describe('the output of a container on its own streams', () => {
  let f: Fixture;
  beforeEach(() => (f = new Fixture({ maxContainers: 1 })));
  afterEach(() => f.close());

  const lines = (run: TestRun): string[] => run.end!.logs.map((line) => line.slice(31));

  /** Runs of a short function that are in one container, its second and following ones; the first of them has started. */
  async function sent(count: number, spec = testSpec()): Promise<{ runs: TestRun[]; container: ScriptedContainer }> {
    const before = f.run(spec);
    const container = await f.driver.up(1);
    await container.received(FrameType.RUN);
    container.answer();
    await before.done;
    const runs = Array.from({ length: count }, () => f.run(spec));
    await container.received(FrameType.RUN, 1 + count);
    return { runs, container };
  }

  function mark(container: ScriptedContainer, id: number, before = ''): void {
    for (const stream of ['stdout', 'stderr'] as const) container.write(stream, before, id);
  }

  it('is of the run whose end marks come next, however late the results are read', async () => {
    const { runs, container } = await sent(3);
    for (const id of [2, 3, 4]) {
      container.write('stdout', `of ${id}`);
      mark(container, id);
    }
    container.write('stdout', 'of the next');
    for (let i = 0; i < 3; i++) container.answer({}, { marked: true });
    await Promise.all(runs.map(({ done }) => done));
    expect(runs.map(lines)).toEqual([2, 3, 4].map((id) => [`stdout: of ${id}`]));
    const next = f.run();
    await container.received(FrameType.RUN, 5);
    container.write('stdout', '', 5);
    container.answer({}, { marked: true });
    container.write('stderr', 'unfinished', 5);
    await next.done;
    expect(lines(next)).toEqual(['stdout: of the next', 'stderr: unfinished']);
  });

  it('holds up the log and not the value; lines keep their order', async () => {
    const { runs, container } = await sent(2);
    container.send(encodeLog({ invocationId: 2, stream: 'stdout', time: 0, text: 'said', truncated: false }));
    container.write('stdout', 'a');
    container.write('stderr', 'b');
    container.write('stdout', 'c', 2);
    container.answer({ n: 1 }, { marked: true });
    await until(() => runs[0]!.isOver);
    expect(runs[0]!.end).toMatchObject({ status: 0, value: { n: 1 } });
    expect(runs[1]!.events).toEqual(['started']);
    container.write('stdout', 'of the second');
    container.write('stderr', 'd', 2);
    await runs[0]!.done;
    expect(lines(runs[0]!)).toEqual(['stdout: said', 'stdout: a', 'stderr: b', 'stdout: c', 'stderr: d']);
    container.answer();
    await runs[1]!.done;
    expect(lines(runs[1]!)).toEqual(['stdout: of the second']);
  });

  it('is awaited for a bounded time, which the log says', async () => {
    const { runs, container } = await sent(1);
    container.write('stdout', 'x', 2);
    container.answer({}, { marked: true });
    await until(() => runs[0]!.isOver);
    let isLogged = false;
    void runs[0]!.done.then(() => (isLogged = true));
    await f.advanceUntil(() => isLogged, 1000);
    expect(lines(runs[0]!)).toEqual(['stdout: x', NOT_COLLECTED]);
    // A mark after the wait is ignored.
    container.write('stderr', 'late', 2);
    const next = f.run();
    await container.received(FrameType.RUN, 3);
    mark(container, 3);
    container.answer({}, { marked: true });
    await next.done;
    expect(lines(next)).toEqual([]);
  });

  it('is not awaited beyond the end of the container', async () => {
    const { runs, container } = await sent(1);
    container.write('stdout', 'before');
    container.answer({}, { marked: true });
    await until(() => runs[0]!.isOver);
    container.write('stdout', 'after');
    container.crash();
    await runs[0]!.done;
    expect(lines(runs[0]!)).toEqual(['stdout: before', 'stdout: after']);
  });

  it('cannot be ended for others: marks that are forged, repeated or of the future', async () => {
    const { runs, container } = await sent(2);
    mark(container, 0xffffffff, 'future');
    container.options.onOutput('stdout', `${'0'.repeat(32)} 00000002`);
    container.write('stdout', 'one');
    mark(container, 2);
    mark(container, 2, 'again');
    container.answer({}, { marked: true });
    mark(container, 3);
    container.answer({}, { marked: true });
    await Promise.all(runs.map(({ done }) => done));
    expect(lines(runs[0]!)).toEqual([
      'stdout: future',
      'stderr: future',
      `stdout: ${'0'.repeat(32)} 00000002`,
      'stdout: one',
    ]);
    expect(lines(runs[1]!)).toEqual(['stdout: again', 'stderr: again']);
  });

  it('is kept up to the log limit, whatever a container writes and however it marks it', async () => {
    const { runs, container } = await sent(3, testSpec({ logLimitBytes: 1000 }));
    for (let i = 0; i < 10_000; i++) container.write('stdout', `line ${i}`);
    mark(container, 2);
    for (let i = 0; i < 10_000; i++) container.write('stderr', `line ${i}`);
    mark(container, 3);
    container.write('stdout', 'short');
    mark(container, 4);
    for (let i = 0; i < 3; i++) container.answer({}, { marked: true });
    await Promise.all(runs.map(({ done }) => done));
    for (const run of runs.slice(0, 2)) {
      expect(lines(run).length).toBeLessThan(25);
      expect(lines(run).at(-1)).toMatch(/^stderr: Logs were truncated/);
    }
  });

  it('without marks it is of the run during which it comes, and marks are asked for', async () => {
    const { runs, container } = await sent(1);
    const flags = (number: number) => container.frames.filter(({ type }) => type === FrameType.RUN)[number]!.flags;
    container.write('stdout', 'unexpected');
    container.answer();
    await runs[0]!.done;
    expect(lines(runs[0]!)).toEqual(['stdout: unexpected']);
    const next = f.run();
    await container.received(FrameType.RUN, 3);
    expect([flags(1) & FLAG_MARKED, flags(2) & FLAG_MARKED]).toEqual([0, FLAG_MARKED]);
    container.answer();
    await next.done;
    expect(lines(next)).toEqual([]);
  });
});
