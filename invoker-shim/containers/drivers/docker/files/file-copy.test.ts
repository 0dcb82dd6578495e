import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileCopy } from './file-copy.js';

const MIB = 2 ** 20;
const SIZE = 5 * MIB + 123;
let directory: string;
let from: string;
let to: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dataflower-copy-'));
  from = join(directory, 'from');
  to = join(directory, 'to');
  writeFileSync(from, Buffer.alloc(SIZE, 'old'));
  writeFileSync(to, Buffer.alloc(SIZE));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Resolves when this number of the target's bytes is not zero. */
async function copied(bytes: number): Promise<void> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const found = readFileSync(to).findLastIndex((byte) => byte !== 0) + 1;
    if (found >= bytes) {
      expect(found).toBe(bytes);
      return;
    }
    if (performance.now() > deadline) throw new Error(`${found} bytes are copied`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('what is there is copied while the rest is still to come, and nothing else', async () => {
  const copy = new FileCopy(from, to, SIZE);
  copy.written(2 * MIB);
  await copied(2 * MIB);
  const value = Buffer.alloc(SIZE, 'old');
  value.fill('new', 2 * MIB);
  writeFileSync(from, value);
  // A smaller amount takes nothing back.
  copy.written(MIB);
  await copy.whole();
  expect(readFileSync(to).equals(value)).toBe(true);
});

test('a file that has become shorter, or is not there, is an error for who wants all of it', async () => {
  truncateSync(from, MIB);
  await expect(new FileCopy(from, to, SIZE).whole()).rejects.toThrow(`shorter than its ${SIZE} bytes`);
  await expect(new FileCopy(join(directory, 'none'), to, SIZE).whole()).rejects.toThrow('ENOENT');
});

test('one that is given up ends, whatever it was waiting for', async () => {
  const copy = new FileCopy(from, to, SIZE);
  copy.written(MIB);
  await copied(MIB);
  await copy.stop();
  await copy.stop();
  await expect(copy.whole()).rejects.toThrow('given up');
});
