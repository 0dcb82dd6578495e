import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type MeasuredDataSink, createDataSink, bytesOf } from './index.js';

const LIMIT = 1000;
/** The share of a namespace that is alone. */
const SHARE = 900;
let base: string;
let sink: MeasuredDataSink;

beforeEach(() => {
  base = fs.mkdtempSync(path.join(os.tmpdir(), 'incoming-test-'));
  sink = createDataSink({ limitBytes: LIMIT, spillDir: base, handoverDir: false });
});

afterEach(async () => {
  expect(sink.metrics).toMatchObject({ values: 0, residentBytes: 0, spilledBytes: 0 });
  await sink.close();
  expect(fs.readdirSync(base)).toEqual([]);
  fs.rmdirSync(base);
});

const files = (): string[] => fs.readdirSync(base).flatMap((directory) => fs.readdirSync(path.join(base, directory)));

describe('a value that comes in piece by piece', () => {
  it('is in memory while there is room, and counts from its announcement', async () => {
    const value = sink.receive(SHARE, true);
    expect(value.inMemory).toBe(true);
    expect(sink.residentBytes).toBe(SHARE);
    expect(value.write(Buffer.alloc(400, 1))).toBeUndefined();
    expect(value.write(Buffer.alloc(500, 2))).toBeUndefined();
    const sealed = await value.seal(5);
    expect(sealed).toMatchObject({ shape: 5, size: SHARE, file: undefined });
    expect(await bytesOf(sealed)).toEqual(Buffer.concat([Buffer.alloc(400, 1), Buffer.alloc(500, 2)]));
    expect(sink.residentBytes).toBe(SHARE);
    sealed.release();
  });

  it.each([
    ['there is no room for it', 1, true],
    ['it may not be in memory', 0, false],
  ])('is in a file where %s, in the order in which it came', async (_, taken, mayBeInMemory) => {
    const before = sink.put(Buffer.alloc(taken), 0);
    const value = sink.receive(SHARE, mayBeInMemory);
    expect(value.inMemory).toBe(false);
    const chunk = Buffer.alloc(100);
    const written: Promise<void>[] = [];
    for (let i = 0; i < 9; i++) written.push(value.write(chunk.fill(i))!);
    await Promise.all(written);
    const sealed = await value.seal(1);
    expect(sealed).toMatchObject({ size: SHARE, bytes: undefined });
    expect(sink.metrics).toMatchObject({ residentBytes: taken, spilledBytes: SHARE, values: 2 });
    expect(await bytesOf(sealed)).toEqual(Buffer.concat(Array.from({ length: 9 }, (_, i) => Buffer.alloc(100, i))));
    sealed.release();
    before.release();
  });

  it('leaves nothing when it is discarded, not even while it is being written', async () => {
    const inMemory = sink.receive(SHARE, true);
    const inFile = sink.receive(SHARE, true);
    const written = [inFile.write(Buffer.alloc(500))!, inFile.write(Buffer.alloc(400))!];
    inMemory.discard();
    inFile.discard();
    await Promise.all(written);
    await sink.close();
    expect(files()).toEqual([]);
  });

  it('cannot be had when its file cannot be made', async () => {
    for (const directory of fs.readdirSync(base)) fs.rmdirSync(path.join(base, directory));
    const value = sink.receive(LIMIT, false);
    await expect(value.write(Buffer.alloc(LIMIT))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(value.seal(0)).rejects.toMatchObject({ code: 'ENOENT' });
    value.discard();
  });
});
