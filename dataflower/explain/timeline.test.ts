import { drawTimeline, timelineOf, type TimelineRow } from './timeline.js';

const record = (name: string, times: object) => ({
  activationId: '',
  start: 0,
  name,
  annotations: [{ key: 'dataflow', value: times }],
});
const row = (part: Partial<TimelineRow>): TimelineRow => ({
  node: 'n',
  tag: '',
  queued: 0,
  coldStart: 0,
  started: 0,
  firstOutput: 100,
  ended: 100,
  lastByte: 100,
  ...part,
});

describe('time line', () => {
  it('counts from the request and sorts by start', () => {
    const times = {
      queued: 1010,
      started: 1050,
      firstOutput: 1060,
      ended: 1070,
      lastByte: 1080,
      coldStart: true,
      init: 30,
    };
    const rows = timelineOf(
      [
        record('b', { ...times, node: 'count', tag: [2, 1], started: 1055, coldStart: false }),
        record('a', { ...times, node: 'split', tag: [] }),
        { ...record('without times', {}), annotations: [] },
      ],
      1000,
    );
    expect(rows).toEqual([
      { node: 'split', tag: '', queued: 10, coldStart: 30, started: 50, firstOutput: 60, ended: 70, lastByte: 80 },
      { node: 'count', tag: '2.1', queued: 10, coldStart: 0, started: 55, firstOutput: 60, ended: 70, lastByte: 80 },
    ]);
  });

  it('draws each phase with a mark of its own', () => {
    const text = drawTimeline(
      [row({ node: 'split', queued: 0, coldStart: 20, started: 40, firstOutput: 60, ended: 80, lastByte: 100 })],
      61,
    );
    const bar = /│(.*)│/.exec(text.split('\n')[1]!)![1]!;
    expect(bar).toMatch(/^·+░+█+▶█+─+$/u);
    expect(text).toContain('100 ms');
    expect(text).toContain('40–80');
  });

  it('gives every row the same width and fits the terminal', () => {
    const rows = [row({ node: 'split' }), row({ node: 'count', tag: '10', started: 90, ended: 95 })];
    const lines = drawTimeline(rows, 80).split('\n');
    expect(new Set(lines.slice(1).map((line) => line.lastIndexOf('│'))).size).toBe(1);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it('is readable on a narrow terminal and without rows', () => {
    expect(drawTimeline([row({ started: 0, ended: 0, firstOutput: 0, lastByte: 0 })], 10)).toContain('│');
    expect(drawTimeline([], 80)).toBe('No function left a time.');
  });
});
