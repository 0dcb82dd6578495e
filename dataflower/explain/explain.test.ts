import { explain } from './explanation.js';
import { readRun } from './read-run.js';
import { reportOf } from './report.js';
import type { RunRecord } from './run.js';

let ids = 0;
const newId = (): string => (++ids).toString(16).padStart(32, '0');

interface Made extends RunRecord {
  readonly parts?: readonly Made[];
}

/** The record of a function; times from 1000 on. */
function fn(node: string, times: Record<string, unknown>, more: Partial<RunRecord> & { cancelled?: true } = {}): Made {
  const { cancelled, ...rest } = more;
  const all = { queued: 1000, started: 1000, ended: 1000, coldStart: false, container: node, ...times, node };
  return {
    activationId: newId(),
    name: node,
    start: all.started,
    end: all.ended,
    logs: ['a line that is no id'],
    annotations: [
      { key: 'kind', value: 'nodejs:20' },
      { key: 'dataflow', value: all },
      ...(cancelled ? [{ key: 'cancelled', value: true }] : []),
    ],
    response: { status: 'success', success: true, result: {} },
    ...rest,
  };
}

function flow(name: string, start: number, end: number, parts: readonly Made[], times: object = {}): Made {
  return {
    activationId: newId(),
    name,
    start,
    end,
    logs: parts.map(({ activationId }) => activationId),
    annotations: [
      { key: 'kind', value: 'sequence' },
      { key: 'dataflow', value: times },
    ],
    response: { status: 'success', success: true, result: {} },
    parts,
  };
}

async function explained(top: Made, mostParts?: number) {
  const all = new Map<string, Made>();
  const add = (made: Made): void => {
    all.set(made.activationId, made);
    for (const part of made.parts ?? []) add(part);
  };
  add(top);
  const read = await readRun(
    top.activationId,
    (id) => Promise.resolve(all.get(id)),
    mostParts === undefined ? {} : { mostParts },
  );
  return explain(read!);
}

const FAILED = { status: 'application error', success: false, result: { error: 'no' } };

test('the path goes back from the result by what came last, and its pieces make up the whole', async () => {
  const a = fn('a', { queued: 1002, init: 20, coldStart: true, started: 1030, ended: 1050 });
  const b = fn('b', { queued: 1002, started: 1003, ended: 1080 });
  const c = fn('c', { queued: 1085, started: 1085, ended: 1095, after: b.activationId });
  const found = await explained(flow('join', 1000, 1100, [a, b, c], { last: c.activationId }));
  expect(found.durationMs).toBe(100);
  expect(found.criticalPath.steps.map(({ node, ms }) => [node, ms])).toEqual([
    ['', { queueing: 0, coldStart: 0, compute: 0, transfer: 2, waiting: 0 }],
    ['b', { queueing: 1, coldStart: 0, compute: 77, transfer: 5, waiting: 0 }],
    ['c', { queueing: 0, coldStart: 0, compute: 10, transfer: 5, waiting: 0 }],
  ]);
  expect(found.criticalPath.shares).toEqual({
    queueing: 0.01,
    coldStart: 0,
    compute: 0.87,
    transfer: 0.12,
    waiting: 0,
  });
  expect(found).toMatchObject({ parts: 3, coldStarts: 1, containers: 3, failed: 0, missing: 0 });
});

test('a producer is on the path only until its consumer had its value', async () => {
  const split = fn('split', { started: 1000, firstOutput: 1010, ended: 1100 });
  const count = fn('count', {
    queued: 1010,
    init: 30,
    coldStart: true,
    started: 1050,
    ended: 1120,
    after: split.activationId,
  });
  const { criticalPath } = await explained(flow('f', 1000, 1120, [split, count], { last: count.activationId }));
  expect(criticalPath.steps.map(({ node, ms }) => [node, ms.queueing, ms.coldStart, ms.compute, ms.transfer])).toEqual([
    ['split', 0, 0, 10, 0],
    ['count', 10, 30, 70, 0],
  ]);
});

test('a workflow inside another is followed into', async () => {
  const x = fn('x', { queued: 1020, started: 1020, ended: 1040 });
  const y = fn('y', { queued: 1040, started: 1050, ended: 1060, after: x.activationId });
  const a = fn('a', { queued: 1000, started: 1000, ended: 1020 });
  const inner = flow('inner', 1020, 1060, [x, y], { node: 'i', after: a.activationId, last: y.activationId });
  const b = fn('b', { queued: 1060, started: 1060, ended: 1070, after: inner.activationId });
  const found = await explained(flow('outer', 1000, 1070, [a, inner, b], { last: b.activationId }));
  expect(found.criticalPath.steps.map(({ node }) => node)).toEqual(['a', 'x', 'y', 'b']);
  expect(found.criticalPath.shares).toMatchObject({ compute: 0.857, queueing: 0.143 });
  expect(found.timeline.map(({ node, depth = 0, isWorkflow = false }) => [node, depth, isWorkflow])).toEqual([
    ['a', 0, false],
    ['i', 0, true],
    ['x', 1, false],
    ['y', 1, false],
    ['b', 0, false],
  ]);
});

test('a function by itself has a path of its own', async () => {
  const found = await explained(
    fn('f', { queued: 1000, boot: 25, init: 15, coldStart: true, started: 1050, ended: 1100 }),
  );
  expect(found).toMatchObject({ durationMs: 100, parts: 0, coldStarts: 1 });
  expect(found.criticalPath.steps[0]!.ms).toEqual({
    queueing: 10,
    coldStart: 40,
    compute: 50,
    transfer: 0,
    waiting: 0,
  });
});

test('a scatter of a thousand is one row, with what failed and what is on the path beside it, and fits any terminal', async () => {
  const split = fn('split', { started: 1000, ended: 1100 });
  const work = Array.from({ length: 1000 }, (_, i) =>
    fn(
      'work',
      {
        tag: [i],
        queued: 1000 + i / 10,
        started: 1000 + i / 10,
        ended: 1010 + i / 10,
        after: split.activationId,
        coldStart: i < 4,
        init: i < 4 ? 5 : 0,
      },
      i % 100 === 0 ? { response: FAILED } : {},
    ),
  );
  const merge = fn('merge', { queued: 1110, started: 1110, ended: 1120, after: work[999]!.activationId });
  const found = await explained(flow('wide', 1000, 1120, [split, ...work, merge], { last: merge.activationId }));
  const many = found.timeline.find(({ many }) => many !== undefined)!;
  expect(many).toMatchObject({ node: 'work', note: '4 cold, 10 failed', many: { count: 1000 } });
  expect(found.timeline.map(({ node, tag }) => `${node} ${tag}`.trim())).toEqual([
    'split',
    'work',
    'work 0',
    'work 100',
    'work 200',
    'work 999',
    'merge',
  ]);
  for (const width of [60, 80, 100, 200]) {
    const text = reportOf(found, width);
    expect(text.split('\n').filter((line) => line.length > width)).toEqual([]);
    expect(text).toContain('work ×1000');
    expect(text).toMatch(/failed/);
  }
});

test('what was cancelled, what has no record and what is too much is told', async () => {
  const a = fn(
    'a',
    { started: 1000, ended: 1100 },
    { cancelled: true, response: { ...FAILED, result: { error: 'The activation was cancelled.' } } },
  );
  const gone = fn('gone', {});
  const top: Made = {
    ...flow('f', 1000, 1050, [a, gone]),
    parts: [a],
    response: { status: 'action developer error', success: false, result: { error: 'The activation was cancelled.' } },
  };
  const text = reportOf(
    await explained({ ...top, annotations: [...top.annotations!, { key: 'cancelled', value: true }] }),
    80,
  );
  expect(text).toContain('cancelled, action developer error, 50 ms');
  expect(text).toContain('error: The activation was cancelled.');
  expect(text).toContain('1 part without a record');
  expect(text).toMatch(/│ 0–100 cancelled/);
  expect((await explained(flow('f', 1000, 1050, [a, fn('b', {}), fn('c', {})]), 2)).unread).toBe(1);
});

test('a host that was lost is named', async () => {
  const top = flow('f', 1000, 1050, []);
  const found = await explained({ ...top, annotations: [...top.annotations!, { key: 'lostHost', value: 'host7' }] });
  expect(found.lostHost).toBe('host7');
  expect(reportOf(found, 80)).toContain('the host host7 was lost while it ran');
});

test('records of two clocks, of other programs, or in a circle make no path that is longer than the run', async () => {
  const a = fn('a', { queued: 900, started: 950, ended: 1300 });
  const b = fn('b', { queued: 800, started: 700, ended: 600 });
  const circle = (made: Made, after: string): Made => ({
    ...made,
    annotations: made.annotations!.map(({ key, value }) => ({
      key,
      value: key === 'dataflow' ? { ...(value as object), after } : value,
    })),
  });
  const top = flow('f', 1000, 1100, [circle(a, b.activationId), circle(b, a.activationId)], { last: a.activationId });
  const { criticalPath, durationMs } = await explained(top);
  const sum = criticalPath.steps.flatMap(({ ms }) => Object.values(ms)).reduce((x, y) => x + y, 0);
  expect(sum).toBe(durationMs);
  const bare = { activationId: newId(), name: 'trigger', start: 1000 };
  expect(reportOf(await explained(bare), 80)).toContain('trigger');
});

test('what an action says of its failure stays on its line and commands no terminal', async () => {
  const error = 'no\u001b[2J\u001b]0;title\u0007\nsuccess, 1 ms';
  const failed = await explained(fn('a', { ended: 1050 }, { end: 1050, response: { ...FAILED, result: { error } } }));
  const text = reportOf(failed, 80);
  expect(text).toContain('error: no [2J ]0;title success, 1 ms\n');
});
