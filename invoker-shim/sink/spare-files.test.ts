import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { TestClock, until } from '@dataflower/common/testing';
import {
  type DataSinkOptions,
  type HandoverSource,
  type MeasuredDataSink,
  type Value,
  createDataSink,
} from './index.js';

const MIB = 1024 * 1024;

let base: string;
let clock: TestClock;
let sink: MeasuredDataSink;
let files: HandoverSource;

beforeEach(() => {
  base = fs.mkdtempSync(path.join(os.tmpdir(), 'spare-test-'));
  clock = new TestClock();
});

afterEach(async () => {
  await sink.close();
  expect(clock.timers).toBe(0);
  expect(fs.readdirSync(base)).toEqual([]);
  fs.rmdirSync(base);
});

function open(options: DataSinkOptions = {}): void {
  sink = createDataSink({ limitBytes: 16 * MIB, spillDir: base, handoverDir: base, clock, ...options });
  files = sink.handoverSource();
}

/** A container writes a value of `size` bytes; the path of its file and what became of it. */
async function written(size: number, source = files, byte = 1): Promise<{ path: string; value: Value }> {
  const file = source.allocate(size)!;
  const descriptor = fs.openSync(file.path, 'r+');
  fs.writeSync(descriptor, Buffer.alloc(size, byte));
  fs.closeSync(descriptor);
  return { path: file.path, value: await file.seal(0) };
}

const isGone = (file: string): Promise<unknown> => until(() => !fs.existsSync(file));

/** The path of a file that is kept. */
async function kept(size = 2 * MIB): Promise<string> {
  const { path: file, value } = await written(size);
  value.release();
  expect(sink.metrics).toMatchObject({ spareHandoverBytes: size, handoverFiles: 0, residentBytes: 0, values: 0 });
  return file;
}

describe('a hand-over file whose value is released', () => {
  it('is given to its container again, with the size of the next value', async () => {
    open();
    const file = await kept();
    const { ino } = fs.statSync(file);
    for (const size of [2 * MIB + 5, 2 * MIB - 5]) {
      const next = await written(size, files, 7);
      expect(next.path).toBe(file);
      expect(fs.statSync(file)).toMatchObject({ ino, size });
      expect(fs.readFileSync(file).equals(Buffer.alloc(size, 7))).toBe(true);
      expect(sink.metrics).toMatchObject({ spareHandoverBytes: 0, handoverFiles: 1, residentBytes: size });
      next.value.release();
    }
  });

  it('is not given to another container', async () => {
    open();
    const file = await kept();
    const other = await written(2 * MIB, sink.handoverSource());
    expect(other.path).not.toBe(file);
    other.value.release();
  });

  it('is not given again while somebody has a reference', async () => {
    open();
    const { path: file, value } = await written(2 * MIB);
    value.retain();
    value.release();
    const second = await written(2 * MIB);
    expect(second.path).not.toBe(file);
    value.release();
    second.value.release();
  });

  it('is not given for a much smaller or much larger value', async () => {
    open();
    const file = await kept();
    for (const size of [MIB, 5 * MIB]) {
      const next = await written(size);
      expect(next.path).not.toBe(file);
      next.value.release();
    }
  });

  it('is not kept when it is small, or moved to disk', async () => {
    open();
    const small = await written(1000);
    small.value.release();
    await isGone(small.path);
    const { path: file, value } = await written(16 * MIB);
    value.setWaiting(true);
    await isGone(file);
    value.release();
    expect(sink.metrics.spareHandoverBytes).toBe(0);
  });

  it('goes when its container has ended, at once or with its last reference', async () => {
    open();
    const file = await kept();
    const { path: held, value } = await written(5 * MIB);
    files.close();
    expect(sink.metrics.spareHandoverBytes).toBe(0);
    await isGone(file);
    expect(fs.existsSync(held)).toBe(true);
    value.release();
    await isGone(held);
  });

  it('goes when it has not been used for a while', async () => {
    open({ spareHandoverMs: 100 });
    const first = await kept(2 * MIB);
    clock.advance(60);
    const { path: second, value } = await written(5 * MIB);
    value.release();
    clock.advance(60);
    expect(sink.metrics.spareHandoverBytes).toBe(5 * MIB);
    await isGone(first);
    clock.advance(60);
    expect(sink.metrics.spareHandoverBytes).toBe(0);
    await isGone(second);
  });

  it('goes as soon as values need its place in the limit', async () => {
    open();
    const file = await kept();
    const value = sink.put(Buffer.alloc(14 * MIB + 1), 0);
    expect(sink.metrics.spareHandoverBytes).toBe(0);
    await isGone(file);
    value.release();
  });

  it('is kept only within the bound, the oldest goes first', async () => {
    open({ spareHandoverBytes: 5 * MIB });
    const values = await Promise.all([2, 2, 2].map((mib) => written(mib * MIB)));
    for (const { value } of values) value.release();
    expect(sink.metrics.spareHandoverBytes).toBe(4 * MIB);
    await isGone(values[0]!.path);
    expect(fs.existsSync(values[1]!.path)).toBe(true);
  });

  it('makes way for a new file of another container when the bound of all files is reached', async () => {
    open({ handoverMaxBytes: 3 * MIB });
    const file = await kept();
    const other = await written(2 * MIB, sink.handoverSource());
    await isGone(file);
    other.value.release();
  });

  it.each<[string, (file: string) => void]>([
    ['another file', (file) => fs.writeFileSync(`${file}.new`, Buffer.alloc(2 * MIB))],
    ['a link', (file) => fs.symlinkSync('/etc/hostname', `${file}.new`)],
  ])('is not used when %s is in its place', async (_, make) => {
    open();
    const file = await kept();
    make(file);
    fs.renameSync(`${file}.new`, file);
    const next = await written(2 * MIB);
    expect(next.path).not.toBe(file);
    next.value.release();
    await isGone(file);
  });

  it('is not used when there is a second name for it', async () => {
    open();
    const file = await kept();
    fs.linkSync(file, `${file}.other`);
    const next = await written(2 * MIB);
    expect(next.path).not.toBe(file);
    next.value.release();
  });
});
