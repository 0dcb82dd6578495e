import type { DataflowAnnotation } from '@dataflower/common/records';
import { Bench } from './testing/bench.js';
import { functionTarget, sequence } from './testing/workflows.js';

// The system's clock is set while something runs: records begin by the wall, and are as long as what ran.

const HOUR_MS = 3_600_000;

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});
afterEach(() => bench.close());

describe.each([
  ['an hour back', -HOUR_MS],
  ['an hour forward', HOUR_MS],
])('a clock that is set %s', (_, byMs) => {
  test('does not change how long a function took, nor the order of its times', () => {
    const begun = bench.clock.wall();
    const { id } = bench.start(functionTarget('f'));
    bench.clock.advance(10);
    const run = bench.held('f').start();
    bench.clock.advance(100);
    bench.clock.setWall(byMs);
    bench.clock.advance(200);
    run.end({});
    const record = bench.records.last(id)!;
    expect(record).toMatchObject({ start: begun + 10, end: begun + 310, duration: 300 });
    expect(record.annotations['waitTime']).toBe(10);
    const { queued, started, ended, lastByte } = record.annotations['dataflow'] as DataflowAnnotation;
    expect([queued, started, ended, lastByte]).toEqual([begun, begun + 10, begun + 310, begun + 310]);
  });

  test('does not part a workflow from what runs in it, and does not move its deadline', () => {
    const begun = bench.clock.wall();
    const { id } = bench.start(sequence(['a', 'b']), {}, { workflowTimeoutMs: 1000 });
    bench.clock.advance(100);
    bench.held('a').end({});
    bench.clock.setWall(byMs);
    const last = bench.held('b').start();
    bench.clock.advance(300);
    last.end({});
    expect(bench.records.last(id)).toMatchObject({ status: 0, start: begun, end: begun + 400, duration: 300 });
    expect(bench.records.named('b')[0]).toMatchObject({ start: begun + 100, end: begun + 400 });
  });

  test('is told by what comes in from then on', () => {
    bench.clock.setWall(byMs);
    const begun = bench.clock.wall();
    const { id } = bench.start(functionTarget('f'));
    bench.held('f').end({});
    expect(bench.records.last(id)!.start).toBe(begun);
  });
});
