import type { LogLine } from '@dataflower/action-runtime/protocol';
import { RunLog, SENTINEL } from './run-log.js';

const line = (text: string, over: Partial<LogLine> = {}): LogLine => ({
  invocationId: 1,
  stream: 'stdout',
  time: 0,
  text,
  truncated: false,
  ...over,
});
const texts = (log: RunLog): string[] => log.lines.map((text) => text.slice(31));

describe('the log of a run', () => {
  it('has a line that comes in parts as one, whatever comes between on the other stream', () => {
    const log = new RunLog(10_000);
    log.take(line('a', { partial: true }), 0);
    log.take(line('other', { stream: 'stderr' }), 0);
    log.take(line('b', { partial: true }), 0);
    log.take(line('c'), 0);
    log.take(line('d'), 0);
    expect(texts(log)).toEqual(['stderr: other', 'stdout: abc', 'stdout: d']);
  });

  it('has a line that never ends, and cuts one that is too long without holding more of it', () => {
    const log = new RunLog(10_000);
    log.take(line('begun', { partial: true }), 0);
    log.end(0);
    expect(texts(log)).toEqual(['stdout: begun']);
    for (let i = 0; i < 1000; i++) log.take(line('😀'.repeat(1000), { partial: true }), 0);
    log.end(0);
    expect(texts(log)).toHaveLength(3);
    expect(texts(log)[1]).toMatch(/^stdout: (?:😀)+$/u);
    expect(texts(log)[1]!.length).toBeLessThan(5000);
    expect(texts(log)[2]).toMatch(/^stderr: Logs were truncated/);
  });

  it("shows an unfinished line that OpenWhisk's mark stands behind, and never the mark", () => {
    const log = new RunLog(10_000);
    log.add('stdout', SENTINEL, 0, 0);
    log.add('stdout', `unfinished${SENTINEL}`, 0, 0);
    expect(texts(log)).toEqual(['stdout: unfinished']);
  });
});
