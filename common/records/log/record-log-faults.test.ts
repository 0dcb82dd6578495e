import fs from 'node:fs';
import path from 'node:path';
import { crc32, crc32ByTable } from '@dataflower/action-runtime/crc32';
import type { ActivationRecord } from '../record/record.js';
import type { RecordLog } from './record-log-options.js';
import { createRecordLog } from './record-log.js';
import { TestClock } from '../../testing/test-clock.js';
import { SmallDisk, idOf, recordOf, temporaryDirectory, written } from '../testing/record-log.js';

const directories: string[] = [];
const logs: RecordLog[] = [];

function directory(): string {
  const dir = temporaryDirectory();
  directories.push(dir);
  return dir;
}

async function open(...options: Parameters<typeof createRecordLog>): Promise<RecordLog> {
  const log = await createRecordLog(...options);
  logs.push(log);
  return log;
}

afterEach(async () => {
  for (const log of logs.splice(0)) await log.close();
  for (const dir of directories.splice(0)) fs.rmSync(dir, { recursive: true });
});

const all = (log: RecordLog): Promise<ActivationRecord[]> => log.list({ namespace: 'guest' }, 0, 100_000);

/** The state after a crash: the files as they are, with the lock of a dead process. */
function crashCopy(from: string, change: (to: string) => void): string {
  const to = directory();
  for (const name of fs.readdirSync(from))
    if (name !== 'lock') fs.copyFileSync(path.join(from, name), path.join(to, name));
  change(to);
  return to;
}

const SEGMENT = 'records-000000000001.log';

describe('after a crash', () => {
  it('a file cut at any byte holds every record that was whole, and goes on from there', async () => {
    const from = directory();
    const log = await open({ dir: from });
    /** Where each record ends. */
    const ends: number[] = [];
    for (let i = 0; i < 6; i++) {
      log.append(recordOf(i, { logs: ['a line'], annotations: { path: 'guest/hello' } }));
      if (i % 2 === 0) await written(log);
      ends.push(log.metrics.bytes);
    }
    await written(log);
    const records = (await all(log)).reverse();
    for (let cut = 0; cut <= ends.at(-1)!; cut++) {
      const damage: string[] = [];
      const to = crashCopy(from, (dir) => fs.truncateSync(path.join(dir, SEGMENT), cut));
      const survivors = ends.filter((end) => end <= cut).length;
      const reopened = await createRecordLog({ dir: to, onDamage: (message) => damage.push(message) });
      expect((await all(reopened)).reverse()).toEqual(records.slice(0, survivors));
      if (cut % 16 === 0) {
        reopened.append(recordOf(99));
        await reopened.close();
        const again = await createRecordLog({ dir: to });
        expect((await all(again)).map(({ activationId }) => activationId).sort()).toEqual(
          [...records.slice(0, survivors).map(({ activationId }) => activationId), idOf(99)].sort(),
        );
        expect(again.metrics.segments).toBe(1);
        await again.close();
      }
      await reopened.close();
      expect(damage).toEqual([]);
    }
  });

  it('a tail of zeros is cut off; one of something else is kept aside, told, and nothing is written behind it', async () => {
    const from = directory();
    const log = await open({ dir: from });
    for (let i = 0; i < 3; i++) log.append(recordOf(i));
    await written(log);
    const whole = fs.statSync(path.join(from, SEGMENT)).size;
    const tails: [tail: Buffer, plain: boolean][] = [
      [Buffer.alloc(5000), true],
      [Buffer.alloc(5000, 0xff), false],
      [Buffer.from('{"a":1}\n'.repeat(100)), false],
    ];
    for (const [tail, plain] of tails) {
      const to = crashCopy(from, (dir) => fs.appendFileSync(path.join(dir, SEGMENT), tail));
      const damage: string[] = [];
      const reopened = await createRecordLog({ dir: to, onDamage: (message) => damage.push(message) });
      expect((await all(reopened)).length).toBe(3);
      reopened.append(recordOf(9));
      await written(reopened);
      const finding = await reopened.filesHealth();
      expect((await all(reopened)).length).toBe(4);
      await reopened.close();
      const aside = fs.readdirSync(to).filter((name) => name.startsWith('damaged-'));
      expect(aside).toEqual(plain ? [] : [`damaged-000000000001-${whole}.bytes`]);
      expect(reopened.metrics).toMatchObject({ damaged: plain ? 0 : 1, segments: plain ? 1 : 2 });
      if (plain) continue;
      const file = path.join(to, aside[0]!);
      expect(fs.readFileSync(file)).toEqual(tail);
      expect(damage).toEqual([
        `Bytes ${whole} to ${whole + tail.length} of ${path.join(to, SEGMENT)} are damaged and left out, kept in ${file}`,
      ]);
      expect(finding).toMatchObject({ severity: 'degraded', reason: expect.stringContaining(file) });
      // It is told once, not at every start; the operator moves the file away.
      fs.rmSync(file);
      const again = await createRecordLog({ dir: to, onDamage: (message) => damage.push(message) });
      expect((await all(again)).length).toBe(4);
      expect(await again.filesHealth()).toBeUndefined();
      await again.close();
      expect(damage.length).toBe(1);
    }
  });

  it('a file with a segment’s name that is something else is kept aside, and the log begins beside it', async () => {
    const dir = directory();
    fs.writeFileSync(path.join(dir, SEGMENT), 'something else entirely');
    const log = await open({ dir });
    log.append(recordOf(1));
    await written(log);
    expect((await all(log)).length).toBe(1);
    const file = path.join(dir, 'damaged-000000000001-0.bytes');
    expect((await log.filesHealth())?.reason).toContain(file);
    expect(fs.readFileSync(file, 'utf8')).toBe('something else entirely');
  });

  it('indexes that are missing, torn, changed or of an older state are made again', async () => {
    const from = directory();
    const log = await createRecordLog({ dir: from, segmentBytes: 4000 });
    for (let i = 0; i < 60; i++) {
      log.append(recordOf(i, { namespace: i % 3 === 0 ? 'other' : 'guest' }));
      if (i % 4 === 0) await written(log);
    }
    const expected = await all(log);
    await log.close();
    const indexes = fs.readdirSync(from).filter((name) => name.endsWith('.idx'));
    expect(indexes.length).toBeGreaterThan(2);
    const changes: ((file: string) => void)[] = [
      (file) => fs.rmSync(file),
      (file) => fs.truncateSync(file, 50),
      (file) => fs.writeFileSync(file, ''),
      (file) => {
        const bytes = fs.readFileSync(file);
        bytes[bytes.length - 5]! ^= 8;
        fs.writeFileSync(file, bytes);
      },
      () => undefined,
    ];
    for (const change of changes) {
      const to = crashCopy(from, (dir) => {
        for (const name of indexes) change(path.join(dir, name));
      });
      const reopened = await open({ dir: to });
      expect(await all(reopened)).toEqual(expected);
      expect(await reopened.count({ namespace: 'other' }, 0)).toBe(20);
    }
  });

  it('an index saved before more was appended is not authoritative', async () => {
    const dir = directory();
    const first = await createRecordLog({ dir });
    first.append(recordOf(0));
    await first.close();
    const second = await createRecordLog({ dir });
    second.append(recordOf(1));
    await written(second);
    const to = crashCopy(dir, () => undefined);
    await second.close();
    expect((await all(await open({ dir: to }))).length).toBe(2);
  });

  it('leftovers of half-made files are removed', async () => {
    const dir = directory();
    for (const name of ['records-000000000009.idx', 'records-000000000001.idx.tmp', 'lock.0123456789abcdef']) {
      fs.writeFileSync(path.join(dir, name), 'x');
    }
    await open({ dir });
    expect(fs.readdirSync(dir)).toEqual(['lock']);
  });
});

describe('on a full disk', () => {
  it('records stay queued and readable, callers wait, and writing goes on by itself: none lost, none twice', async () => {
    for (let room = 0; room < 1700; room += 61) {
      const dir = directory();
      const clock = new TestClock(4_000_000_000_000);
      const files = new SmallDisk();
      const errors: Error[] = [];
      const log = await createRecordLog({
        dir,
        clock,
        files,
        segmentBytes: 1500,
        onError: (error) => errors.push(error),
      });
      files.room = room;
      let done = 0;
      for (let i = 0; i < 8; i++) {
        log.append(recordOf(i));
        log.written(() => done++);
        if (i % 3 === 2) await new Promise(setImmediate);
      }
      await new Promise(setImmediate);
      expect(log.full).toBe(true);
      expect(done).toBeLessThan(8);
      expect(errors).toMatchObject([{ code: 'RECORD_WRITE_FAILED', message: expect.stringContaining('ENOSPC') }]);
      expect((await all(log)).length).toBe(8);
      clock.advance(20_000);
      expect(errors.length).toBe(1);
      files.room = Infinity;
      clock.advance(5_000);
      expect(done).toBe(8);
      expect(log.full).toBe(false);
      const records = await all(log);
      expect(records.map(({ activationId }) => activationId)).toEqual([7, 6, 5, 4, 3, 2, 1, 0].map(idOf));
      await log.close();
      for (const name of fs.readdirSync(dir)) if (name.endsWith('.idx')) fs.rmSync(path.join(dir, name));
      const again = await createRecordLog({ dir });
      expect(await all(again)).toEqual(records);
      await again.close();
    }
  });

  it('the pauses between attempts double, up to five seconds, and start anew after a success', async () => {
    const clock = new TestClock(4_000_000_000_000);
    const files = new SmallDisk();
    const errors: Error[] = [];
    const log = await open({ dir: directory(), clock, files, onError: (error) => errors.push(error) });
    const attempts: number[] = [];
    files.room = 0;
    log.append(recordOf(0));
    clock.advance(5);
    const begin = clock.now();
    while (attempts.length < 9) {
      const seen = files.writes;
      clock.advance(100);
      if (files.writes > seen) attempts.push(clock.now() - begin);
    }
    expect(attempts).toEqual([100, 300, 700, 1500, 3100, 6300, 11300, 16300, 21300]);
    files.room = Infinity;
    clock.advance(5000);
    files.room = 0;
    log.append(recordOf(1));
    clock.advance(5);
    expect(errors.length).toBe(2);
    files.room = Infinity;
    clock.advance(100);
    expect(log.full).toBe(false);
  });

  it('a log that is closed says so to those who wait, and rejects', async () => {
    const dir = directory();
    const files = new SmallDisk();
    const log = await createRecordLog({ dir, files, clock: new TestClock(4_000_000_000_000) });
    files.room = 0;
    log.append(recordOf(0));
    const errors: (Error | undefined)[] = [];
    log.written((error) => errors.push(error));
    await expect(log.close()).rejects.toMatchObject({ code: 'RECORD_WRITE_FAILED' });
    expect(errors).toMatchObject([{ code: 'RECORD_WRITE_FAILED' }]);
    expect(fs.existsSync(path.join(dir, 'lock'))).toBe(false);
  });
});

it('the queue is full at its bound and not below it', async () => {
  const log = await open({ dir: directory(), queueBytes: 1000 });
  expect(log.full).toBe(false);
  while (log.metrics.unwrittenBytes < 1000) log.append(recordOf(log.metrics.records));
  expect(log.full).toBe(true);
  await written(log);
  expect(log.full).toBe(false);
});

it('the check sum is that of zlib, with or without Node’s own', () => {
  const bytes = Buffer.from('123456789');
  expect(crc32ByTable(bytes)).toBe(0xcbf43926);
  expect(crc32(bytes)).toBe(0xcbf43926);
  expect(crc32ByTable(bytes.subarray(4), crc32ByTable(bytes.subarray(0, 4)))).toBe(0xcbf43926);
});
