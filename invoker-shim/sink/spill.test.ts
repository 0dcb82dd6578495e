import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { decodeValue } from '@dataflower/action-runtime/protocol';
import type { Clock } from '@dataflower/common';
import { until } from '@dataflower/common/testing';
import {
  type DataSinkOptions,
  type MeasuredDataSink,
  type SpillFiles,
  type Value,
  createDataSink,
  bytesOf,
} from './index.js';
import { diskFiles } from './spiller.js';

let base: string;
let sink: MeasuredDataSink;

beforeEach(() => {
  base = fs.mkdtempSync(path.join(os.tmpdir(), 'spill-test-'));
});

afterEach(async () => {
  await sink.close();
  expect(fs.readdirSync(base)).toEqual([]);
  fs.rmdirSync(base);
});

function open(options: DataSinkOptions = {}): MeasuredDataSink {
  sink = createDataSink({ limitBytes: 100, spillDir: base, handoverDir: base, ...options });
  return sink;
}

function waiting(size: number, fill = 0): Value {
  const value = sink.put(Buffer.alloc(size, fill), 0);
  value.setWaiting(true);
  return value;
}

const spilledFiles = (): string[] =>
  fs.readdirSync(base).flatMap((directory) => fs.readdirSync(path.join(base, directory)));

/** File operations that wait until they are let go. */
class HeldFiles implements SpillFiles {
  readonly held: (() => void)[] = [];
  failure: Error | undefined = undefined;
  /** Files that are complete on disk, or were and have been removed. */
  written = 0;

  async write(to: string, bytes: Buffer): Promise<void> {
    await new Promise<void>((resolve) => this.held.push(resolve));
    if (this.failure !== undefined) throw this.failure;
    await diskFiles.write(to, bytes);
    this.written++;
  }

  async copy(from: string, to: string): Promise<void> {
    await new Promise<void>((resolve) => this.held.push(resolve));
    await diskFiles.copy(from, to);
  }

  remove(file: string): Promise<void> {
    return diskFiles.remove(file);
  }

  letGo(): void {
    this.held.shift()!();
  }

  letAllGo(): void {
    while (this.held.length > 0) this.letGo();
  }
}

class HandClock implements Clock {
  readonly timers: { ms: number; callback: () => void }[] = [];
  now(): number {
    return 0;
  }
  wall(): number {
    return 0;
  }
  after(ms: number, callback: () => void): () => void {
    const timer = { ms, callback };
    this.timers.push(timer);
    return () => void this.timers.splice(this.timers.indexOf(timer), 1);
  }
  fire(): void {
    this.timers.shift()!.callback();
  }
}

describe('at the limit', () => {
  it('the oldest waiting values go to disk until there is room, the others stay', async () => {
    open();
    const values = [waiting(30, 1), waiting(30, 2), waiting(30, 3)];
    const used = sink.put(Buffer.alloc(20), 0);
    await until(() => sink.hasRoom);
    expect(values.map(({ bytes }) => bytes === undefined)).toEqual([true, false, false]);
    expect(sink.metrics).toMatchObject({ residentBytes: 80, spilledBytes: 30, spills: 1 });
    expect(await bytesOf(values[0]!)).toEqual(Buffer.alloc(30, 1));
    for (const value of [...values, used]) value.release();
    expect(sink.metrics).toMatchObject({ residentBytes: 0, spilledBytes: 0, values: 0 });
    await until(() => spilledFiles().length === 0);
  });

  it('a value marked while the sink is full is spilled then', async () => {
    open();
    const value = sink.put(Buffer.alloc(150), 0);
    expect(sink.hasRoom).toBe(false);
    value.setWaiting(true);
    await until(() => sink.hasRoom);
    expect(value.bytes).toBeUndefined();
    value.release();
  });

  it('a value stays while one of its holders uses it', async () => {
    const files = new HeldFiles();
    open({ spillFiles: files });
    const value = sink.put(Buffer.alloc(150), 0);
    value.retain();
    value.setWaiting(true);
    expect(files.held.length).toBe(0);
    value.release();
    expect(files.held.length).toBe(1);
    files.letGo();
    await until(() => sink.hasRoom);
    expect(value.bytes).toBeUndefined();
    value.release();
  });

  it('the parts of a composite that waits are spilled', async () => {
    open();
    const list = sink.list([sink.put(Buffer.from(`\0"${'x'.repeat(147)}"`), 0), sink.put(Buffer.from('\x001'), 0)]);
    list.setWaiting(true);
    await until(() => sink.hasRoom);
    expect(decodeValue(await bytesOf(list))).toEqual(['x'.repeat(147), 1]);
    list.setWaiting(false);
    list.release();
    expect(sink.metrics).toMatchObject({ residentBytes: 0, spilledBytes: 0, values: 0 });
  });

  it('no more files are written at once than the bound, and no more than needed', async () => {
    const files = new HeldFiles();
    open({ spillFiles: files, spillConcurrency: 2 });
    const values = Array.from({ length: 8 }, () => waiting(20));
    expect(files.held.length).toBe(2);
    while (files.held.length > 0) {
      expect(files.held.length).toBeLessThanOrEqual(2);
      files.letGo();
      const { spills } = sink.metrics;
      await until(() => sink.metrics.spills > spills);
      await new Promise(setImmediate);
    }
    expect(sink.residentBytes).toBe(80);
    expect(sink.metrics.spills).toBe(4);
    for (const value of values) value.release();
  });

  it('a hand-over file is moved to disk, and its place in shared memory is free', async () => {
    open();
    const file = sink.handoverSource().allocate(150)!;
    fs.writeFileSync(file.path, Buffer.alloc(150, 5));
    const value = await file.seal(0);
    value.setWaiting(true);
    await until(() => sink.hasRoom);
    expect(sink.metrics).toMatchObject({ residentBytes: 0, spilledBytes: 150, handoverFiles: 0 });
    expect(await bytesOf(value)).toEqual(Buffer.alloc(150, 5));
    await until(() => !fs.existsSync(file.path));
    value.release();
    expect(sink.metrics.spilledBytes).toBe(0);
  });
});

describe('while its bytes are on their way to disk', () => {
  it('a value that is used stays in memory, and the copy goes', async () => {
    const files = new HeldFiles();
    open({ spillFiles: files });
    const value = waiting(150);
    value.setWaiting(false);
    files.letGo();
    await until(() => files.written === 1 && spilledFiles().length === 0);
    expect(value.bytes).toBeDefined();
    expect(sink.metrics).toMatchObject({ residentBytes: 150, spilledBytes: 0, spills: 0 });
    value.setWaiting(true);
    expect(files.held.length).toBe(1);
    files.letGo();
    await until(() => sink.hasRoom);
    value.release();
  });

  it('a value that is released frees its room at once, and the copy goes', async () => {
    const files = new HeldFiles();
    open({ spillFiles: files });
    const value = waiting(150);
    value.release();
    expect(sink.metrics).toMatchObject({ residentBytes: 0, values: 0 });
    files.letGo();
    await until(() => files.written === 1 && spilledFiles().length === 0);
    expect(sink.metrics).toMatchObject({ spilledBytes: 0, spills: 0, spillFailures: 0 });
  });

  it('a value that is used and waits again is spilled once', async () => {
    const files = new HeldFiles();
    open({ spillFiles: files });
    const value = waiting(150);
    value.setWaiting(false);
    value.setWaiting(true);
    expect(files.held.length).toBe(1);
    files.letGo();
    await until(() => sink.hasRoom);
    const other = waiting(150);
    files.letGo();
    await until(() => sink.hasRoom);
    expect(sink.metrics).toMatchObject({ spilledBytes: 300, spills: 2, spillFailures: 0 });
    value.release();
    other.release();
  });

  it('a hand-over file that is released is no failure of the disk', async () => {
    const files = new HeldFiles();
    const pressure: Error[] = [];
    open({ spillFiles: files, onPressure: (error) => pressure.push(error) });
    const file = sink.handoverSource().allocate(150)!;
    fs.writeFileSync(file.path, Buffer.alloc(150));
    const value = await file.seal(0);
    value.setWaiting(true);
    value.release();
    await until(() => !fs.existsSync(file.path));
    files.letGo();
    await new Promise(setImmediate);
    await sink.close();
    expect(sink.metrics).toMatchObject({ residentBytes: 0, spillFailures: 0 });
    expect(pressure).toEqual([]);
  });
});

describe('when the disk refuses', () => {
  it('the engine is told once a pause, with the limit in the message, and spilling goes on afterwards', async () => {
    const files = new HeldFiles();
    const clock = new HandClock();
    const pressure: Error[] = [];
    open({ spillFiles: files, clock, spillRetryMs: 250, onPressure: (error) => pressure.push(error) });
    files.failure = new Error('ENOSPC: no space left on device');
    const values = [waiting(150), waiting(150), waiting(150)];
    files.letAllGo();
    await until(() => sink.metrics.spillFailures === 3);
    expect(pressure.map((error) => error.message)).toEqual([
      'The data sink has reached its limit of 100 bytes and cannot write waiting values to disk: ENOSPC: no space left on device',
    ]);
    expect(pressure[0]).toMatchObject({ code: 'SPILL_FAILED', retryable: true });
    expect(clock.timers.map(({ ms }) => ms)).toEqual([250]);
    expect(sink.residentBytes).toBe(450);

    clock.fire();
    await until(() => {
      files.letAllGo();
      return clock.timers.length === 1;
    });
    expect(pressure.length).toBe(2);

    files.failure = undefined;
    clock.fire();
    await until(() => {
      files.letAllGo();
      return sink.hasRoom;
    });
    expect(pressure.length).toBe(2);
    expect(sink.metrics).toMatchObject({ residentBytes: 0, spilledBytes: 450 });
    for (const value of values) value.release();
  });
});

it('a gather of four times the limit ends with everything read and nothing left', async () => {
  const limitBytes = 1024 * 1024;
  open({ limitBytes });
  const items: Value[] = [];
  const count = 256;
  for (let i = 0; i < count; i++) {
    // An emit is held back until there is room, as the executor does it.
    await new Promise<void>((resolve) => sink.whenRoom(resolve));
    const value = sink.put(Buffer.from(`\0"${String(i).padStart(16 * 1024 - 3, '.')}"`), 0);
    value.setWaiting(true);
    items.push(value);
  }
  for (const item of items) item.setWaiting(false);
  const list = sink.list(items);
  expect(list.size).toBeGreaterThanOrEqual(4 * limitBytes);
  expect(sink.metrics.peakResidentBytes).toBeLessThanOrEqual(limitBytes + 16 * 1024);
  const json = decodeValue(await bytesOf(list)) as string[];
  expect(json.map((text) => Number(text.replaceAll('.', '')))).toEqual(Array.from({ length: count }, (_, i) => i));
  list.release();
  expect(sink.metrics).toMatchObject({ values: 0, residentBytes: 0, spilledBytes: 0 });
});
