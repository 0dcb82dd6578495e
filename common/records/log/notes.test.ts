import fs from 'node:fs';
import path from 'node:path';
import { createReplicatedLog, createRecordLog } from './record-log.js';
import type { RecordLog, RecordLogOptions } from './record-log-options.js';
import { TestClock } from '../../testing/test-clock.js';
import { SmallDisk, idOf, recordOf, temporaryDirectory, written } from '../testing/record-log.js';

let dir: string;
let log: RecordLog;

beforeEach(async () => {
  dir = temporaryDirectory();
  log = await createRecordLog({ dir });
});

afterEach(async () => {
  await log.close();
  fs.rmSync(dir, { recursive: true });
});

const open = (kind: 'activation' | 'given-up' = 'activation'): unknown[] =>
  log.notes
    .open(kind)
    .map(({ key, data }) => [key, data])
    .sort();

/** The next process opens the files that a crash left of the log, with or without their indexes. */
async function crash(options: Partial<RecordLogOptions> = {}, withIndexes = true): Promise<void> {
  const to = temporaryDirectory();
  for (const name of fs.readdirSync(dir)) {
    if (name !== 'lock' && (withIndexes || !name.endsWith('.idx')))
      fs.copyFileSync(path.join(dir, name), path.join(to, name));
  }
  await log.close();
  fs.rmSync(dir, { recursive: true });
  dir = to;
  log = await createRecordLog({ dir, ...options });
}

async function restart(options: Partial<RecordLogOptions> = {}): Promise<void> {
  await log.close();
  log = await createRecordLog({ dir, ...options });
}

test('what is put and not settled is there at the next start, as it was put last, and again at the one after it', async () => {
  for (const key of ['a', 'b', 'c"\n']) log.notes.put('given-up', key, { text: `ö ${key}` });
  log.notes.put('given-up', 'a', [1, null]);
  log.notes.settle('given-up', 'b');
  log.notes.settle('given-up', 'never put');
  await written(log);
  for (const again of [crash, restart, crash, restart, restart]) {
    await again();
    expect(open('given-up')).toEqual([
      ['a', [1, null]],
      ['c"\n', { text: 'ö c"\n' }],
    ]);
    expect(open()).toEqual([]);
    expect([log.notes.has('given-up', 'a'), log.notes.has('given-up', 'b')]).toEqual([true, false]);
  }
  log.notes.settle('given-up', 'a');
  await written(log);
  for (const again of [crash, restart]) {
    await again();
    expect(open('given-up')).toEqual([['c"\n', { text: 'ö c"\n' }]]);
  }
});

test('the record of an activation settles its note, in whichever segment it is; one that has a record is not noted', async () => {
  await restart({ segmentBytes: 1500 });
  for (let i = 0; i < 20; i++) log.notes.put('activation', idOf(i), i);
  await written(log);
  for (let i = 0; i < 20; i++) {
    if (i % 3 !== 0) log.append(recordOf(i));
    if (i % 4 === 0) await written(log);
  }
  log.notes.put('activation', idOf(1), 'late');
  await written(log);
  const left = Array.from({ length: 20 }, (_, i) => [idOf(i), i])
    .filter(([, i]) => (i as number) % 3 === 0)
    .sort();
  expect(open()).toEqual(left);
  await crash();
  expect(open()).toEqual(left);
  await crash({}, false);
  expect(open()).toEqual(left);
  for (const [, i] of left) log.append(recordOf(i as number));
  await restart();
  expect(open()).toEqual([]);
  expect(await log.count({ namespace: 'guest' }, 0)).toBe(20);
});

test('nothing of a note is listed, counted or carried', async () => {
  await log.close();
  const carried = await createReplicatedLog({ dir });
  log = carried;
  log.notes.put('activation', idOf(1), recordOf(1));
  await written(log);
  expect(await log.get('guest', idOf(1))).toBeUndefined();
  expect(await log.list({ namespace: 'guest' }, 0, 10)).toEqual([]);
  expect(await log.count({ namespace: 'guest' }, 0)).toBe(0);
  expect(carried.replication.waitingRecords).toBe(0);
  expect(await carried.replication.read(10, 1000)).toBeUndefined();
  log.append(recordOf(2));
  log.notes.put('activation', idOf(3), recordOf(3));
  log.append(recordOf(4));
  await written(log);
  const run = await carried.replication.read(10, 100_000);
  expect(run?.places.length).toBe(2 * 2);
});

test('an open note outlives its segment, whatever drops that; a settled one does not come back', async () => {
  const small = { maxBytes: 16 * 1024, segmentBytes: 2048 };
  await restart(small);
  log.notes.put('activation', idOf(1), 'stays');
  log.notes.put('given-up', 'gone', 'gone');
  await written(log);
  for (let i = 10; i < 60; i++) {
    log.append(recordOf(i));
    if (i === 30) log.notes.settle('given-up', 'gone');
    await written(log);
  }
  const settledBeside = log.metrics.segments;
  for (let i = 60; i < 200; i++) {
    log.append(recordOf(i));
    if (i % 3 === 0) await written(log);
  }
  await written(log);
  expect(settledBeside).toBeGreaterThan(2);
  await restart(small);
  expect(fs.existsSync(path.join(dir, 'records-000000000001.log'))).toBe(false);
  for (const again of [crash, restart]) {
    await again(small);
    expect(open()).toEqual([[idOf(1), 'stays']]);
    expect(open('given-up')).toEqual([]);
  }
  // Nothing but notes: such a segment is never young.
  const clock = new TestClock(4_000_000_000_000);
  await restart({ ...small, clock, maxAgeMs: 1000 });
  clock.advance(10_000);
  await crash({ ...small, clock, maxAgeMs: 1000 });
  expect(open()).toEqual([[idOf(1), 'stays']]);
});

test('damage takes the note that it hits, and no other', async () => {
  await restart({ segmentBytes: 3000 });
  for (let i = 0; i < 30; i++) {
    log.notes.put('given-up', String(i), `note ${i} `.repeat(10));
    log.append(recordOf(i));
  }
  await log.close();
  const first = path.join(dir, 'records-000000000001.log');
  for (const [withIndex, number] of [
    [true, 1],
    [false, 2],
  ] as const) {
    const bytes = fs.readFileSync(first);
    bytes[bytes.indexOf(`note ${number} `)]! ^= 4;
    fs.writeFileSync(first, bytes);
    if (!withIndex) fs.rmSync(first.replace('.log', '.idx'));
    // Each start puts what is open into the log again: the first one alone depends on these bytes.
    const to = temporaryDirectory();
    for (const name of fs.readdirSync(dir))
      if (name !== 'lock') fs.copyFileSync(path.join(dir, name), path.join(to, name));
    const opened = await createRecordLog({ dir: to });
    expect(opened.notes.open('given-up').length).toBe(30 - number);
    expect((await opened.list({ namespace: 'guest' }, 0, 100)).length).toBe(30);
    await opened.close();
    fs.rmSync(to, { recursive: true });
  }
  log = await createRecordLog({ dir });
});

test('on a disk that refuses, a note is not confirmed; it is there once the disk works', async () => {
  const clock = new TestClock(4_000_000_000_000);
  const files = new SmallDisk();
  await restart({ clock, files });
  files.room = 20;
  let confirmed = 0;
  log.notes.put('activation', idOf(1), 'data');
  log.written(() => confirmed++);
  await new Promise(setImmediate);
  expect([confirmed, log.full]).toEqual([0, true]);
  files.room = Infinity;
  clock.advance(5000);
  expect([confirmed, log.full]).toEqual([1, false]);
  await crash();
  expect(open()).toEqual([[idOf(1), 'data']]);
});
