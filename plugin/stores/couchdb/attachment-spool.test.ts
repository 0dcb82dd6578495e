import { chmod, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { temporaryDirectory } from '@dataflower/common/testing';
import { type Release, StoreUnavailableError } from '../entity-store.js';
import { AttachmentSpool } from './attachment-spool.js';

let base: string;
let spool: AttachmentSpool;
beforeEach(async () => {
  base = await temporaryDirectory();
  spool = new AttachmentSpool({ base, maxBytes: 1000 });
});
afterEach(async () => {
  await spool.close();
  await rm(base, { recursive: true, force: true });
});

const bytes = (length: number) => () => Promise.resolve(Buffer.alloc(length, 'x'));
const files = async (): Promise<number> => {
  const [directory] = await readdir(base);
  return (await readdir(join(base, directory!))).length;
};

test('what many ask for at once is fetched once, and found again after the holds have ended', async () => {
  let fetched = 0;
  const fetch = () => {
    fetched++;
    return Promise.resolve(Buffer.from('code'));
  };
  const releases = await Promise.all(Array.from({ length: 20 }, async () => spool.hold('a', 'ns', fetch)));
  for (const release of releases) release!();
  (spool.hold('a', 'ns', fetch) as Release)();
  expect([fetched, spool.bytes]).toEqual([1, { held: 0, total: 4 }]);
  expect((await spool.read('a'))?.toString()).toBe('code');
});

test('what nobody holds gives way, the one held last the longest ago first', async () => {
  for (const key of ['a', 'b', 'c']) (await spool.hold(key, 'ns', bytes(300)))!();
  (await spool.hold('a', 'ns', bytes(0)))!();
  (await spool.hold('d', 'ns', bytes(300)))!();
  const there = await Promise.all(['a', 'b', 'c', 'd'].map(async (key) => (await spool.read(key)) !== undefined));
  expect(there).toEqual([true, false, true, true]);
  expect(await files()).toBe(3);
});

test('what is held stays, and what does not fit beside it is refused', async () => {
  const release = (await spool.hold('a', 'ns', bytes(700)))!;
  await expect(spool.hold('b', 'ns', bytes(300))).rejects.toThrow(/hold too much code/);
  await expect(spool.hold('b', 'ns', bytes(300))).rejects.toBeInstanceOf(StoreUnavailableError);
  expect((await spool.read('a'))?.length).toBe(700);
  release();
  (await spool.hold('b', 'ns', bytes(800)))!();
  expect(await spool.read('a')).toBeUndefined();
});

test('a namespace that holds nothing finds room beside one that holds all it may', async () => {
  await spool.hold('a', 'greedy', bytes(900));
  await expect(spool.hold('b', 'greedy', bytes(10))).rejects.toBeInstanceOf(StoreUnavailableError);
  await spool.hold('c', 'modest', bytes(80));
  expect(spool.bytes).toEqual({ held: 980, total: 980 });
});

test('what cannot be fetched or is not there leaves nothing, and is asked for again', async () => {
  await expect(spool.hold('a', 'ns', () => Promise.reject(new Error('away')))).rejects.toThrow('away');
  expect(await spool.hold('a', 'ns', () => Promise.resolve(undefined))).toBeUndefined();
  (await spool.hold('a', 'ns', bytes(10)))!();
  expect(spool.bytes).toEqual({ held: 0, total: 10 });
});

test('a disk that takes nothing is a store that cannot be used now, until it does', async () => {
  const [directory] = await readdir(base);
  await rm(join(base, directory!), { recursive: true });
  await expect(spool.hold('a', 'ns', bytes(10))).rejects.toBeInstanceOf(StoreUnavailableError);
  expect(spool.bytes).toEqual({ held: 0, total: 0 });
  await mkdir(join(base, directory!));
  await chmod(join(base, directory!), 0o700);
  (await spool.hold('a', 'ns', bytes(10)))!();
});

test('whatever is held, fetched and let go in whatever order: what is held is there, the bound holds, nothing is lost', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ key: fc.nat(9), length: fc.integer({ min: 1, max: 400 }), ends: fc.nat(5) }), {
        maxLength: 60,
      }),
      async (steps) => {
        const one = new AttachmentSpool({ base, maxBytes: 1000 });
        try {
          let held: { key: string; release: Release }[] = [];
          await Promise.all(
            steps.map(async ({ key: number, ends }) => {
              const key = String(number);
              // One size for each, as content is by its digest.
              const release = await Promise.resolve(one.hold(key, `ns${number % 3}`, bytes(40 * number + 1))).catch(
                () => undefined,
              );
              if (release === undefined) return;
              held.push({ key, release });
              expect((await one.read(key))?.length).toBe(40 * number + 1);
              if (ends > 2) for (const { release: end } of held.splice(0, ends)) end();
              for (const { key: still } of [...held]) {
                const read = await one.read(still);
                if (held.some(({ key: of }) => of === still)) expect(read).toBeDefined();
              }
              expect(one.bytes.held).toBeLessThanOrEqual(1000);
            }),
          );
          for (const { release } of held) release();
          held = [];
          expect(one.bytes.held).toBe(0);
          expect(one.bytes.total).toBeLessThanOrEqual(1000);
        } finally {
          await one.close();
        }
      },
    ),
    { numRuns: 30 },
  );
});
