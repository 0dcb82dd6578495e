import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { identityText, isAlive, ownIdentity, parseIdentity } from '@dataflower/common/process';
import { type DataSinkOptions, type HandoverSource, type MeasuredDataSink, bytesOf, createDataSink } from './index.js';

let base: string;
let sink: MeasuredDataSink;
let files: HandoverSource;

beforeEach(() => {
  base = fs.mkdtempSync(path.join(os.tmpdir(), 'handover-test-'));
});

afterEach(async () => {
  await sink.close();
  expect(fs.readdirSync(base)).toEqual([]);
  fs.rmdirSync(base);
});

function open(options: DataSinkOptions = {}): MeasuredDataSink {
  sink = createDataSink({ limitBytes: 1000, spillDir: base, handoverDir: base, ...options });
  files = sink.handoverSource();
  return sink;
}

const directoryOf = (purpose: string): string =>
  path.join(
    base,
    fs.readdirSync(base).find((name) => name.startsWith(`dataflower-${purpose}-`))!,
  );

describe('a hand-over file', () => {
  it('becomes a value when it has the announced size, and goes with its last reference', async () => {
    open();
    const file = files.allocate(5)!;
    expect(sink.metrics).toMatchObject({ residentBytes: 5, handoverFiles: 1, values: 0 });
    fs.writeFileSync(file.path, '\0"ab"');
    const value = await file.seal(4);
    expect(value).toMatchObject({ shape: 4, size: 5, bytes: undefined, file: file.path });
    expect(await bytesOf(value)).toEqual(Buffer.from('\0"ab"'));
    value.release();
    expect(sink.metrics).toMatchObject({ residentBytes: 0, handoverFiles: 0, values: 0 });
    await sink.close();
    expect(fs.existsSync(file.path)).toBe(false);
  });

  it('is refused and removed when it has another size, or is no plain file any more', async () => {
    open();
    const short = files.allocate(5)!;
    fs.writeFileSync(short.path, '\0');
    await expect(short.seal(0)).rejects.toMatchObject({ code: 'HANDOVER_REFUSED', message: /5 bytes.*found 1 bytes/ });
    const link = files.allocate(5)!;
    fs.rmSync(link.path);
    fs.symlinkSync('/etc/hostname', link.path);
    await expect(link.seal(0)).rejects.toMatchObject({ code: 'HANDOVER_REFUSED' });
    const gone = files.allocate(5)!;
    fs.rmSync(gone.path);
    await expect(gone.seal(0)).rejects.toMatchObject({ code: 'HANDOVER_REFUSED' });
    expect(sink.metrics).toMatchObject({ residentBytes: 0, handoverFiles: 0 });
    short.discard();
    expect(sink.residentBytes).toBe(0);
  });

  it('can be discarded once, and not sealed afterwards', async () => {
    open();
    const file = files.allocate(5)!;
    file.discard();
    file.discard();
    expect(sink.metrics).toMatchObject({ residentBytes: 0, handoverFiles: 0 });
    await expect(file.seal(0)).rejects.toMatchObject({ code: 'HANDOVER_REFUSED' });
  });

  it('cannot be sealed twice', async () => {
    open();
    const file = files.allocate(1)!;
    fs.writeFileSync(file.path, '\0');
    const value = await file.seal(0);
    await expect(file.seal(0)).rejects.toMatchObject({ code: 'HANDOVER_REFUSED' });
    value.release();
    expect(sink.metrics).toMatchObject({ residentBytes: 0, handoverFiles: 0 });
  });

  it('is bounded: alone, with all others, and by the free space', () => {
    open({ handoverMaxBytes: 100 });
    expect(files.allocate(101)).toBeUndefined();
    const file = files.allocate(60)!;
    expect(files.allocate(41)).toBeUndefined();
    file.discard();
    expect(files.allocate(41)).toBeDefined();
    for (const size of [0, -1, 1.5, Number.NaN]) expect(files.allocate(size)).toBeUndefined();
  });

  it('larger than the free space is not given', () => {
    open({ handoverMaxBytes: Number.MAX_SAFE_INTEGER });
    expect(files.allocate(2 ** 52)).toBeUndefined();
    expect(sink.residentBytes).toBe(0);
  });

  it('is not to be had without a directory', () => {
    open({ handoverDir: path.join(base, 'missing') });
    expect(files.allocate(5)).toBeUndefined();
  });
});

describe('the directories of the sink', () => {
  it('are for this user alone and gone after close', async () => {
    open();
    for (const purpose of ['sink', 'spill']) expect(fs.statSync(directoryOf(purpose)).mode & 0o777).toBe(0o700);
    const file = files.allocate(5)!;
    expect(fs.statSync(file.path).mode & 0o777).toBe(0o600);
    await sink.close();
    expect(fs.readdirSync(base)).toEqual([]);
  });
});

describe('the identity of a process', () => {
  beforeEach(() => void open());

  it('is alive for this one, and not for one whose pid was given on', () => {
    const own = ownIdentity();
    expect(isAlive(own)).toBe(true);
    expect(isAlive({ ...own, startedAt: String(Number(own.startedAt) + 1) })).toBe(false);
    expect(isAlive({ pid: 4194304999, startedAt: '5' })).toBe(false);
  });

  it('is read back from its text', () => {
    expect(parseIdentity(identityText(ownIdentity()))).toEqual(ownIdentity());
    for (const text of ['', '1', '0-5', 'a-b', '1-2-3']) expect(parseIdentity(text)).toBeUndefined();
  });
});
