import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryDirectory, until } from '@dataflower/common/testing';
import { type EntityStore, type Release, type StoredDocument, StoreUnavailableError } from '../entity-store.js';
import { openEmbeddedStore } from './embedded-store.js';
import { HeldAttachments } from './held-attachments.js';

let directory: string;
let store: EntityStore;
beforeEach(async () => {
  directory = await temporaryDirectory();
  store = await openEmbeddedStore(directory);
});
afterEach(async () => {
  await store.close();
  await rm(directory, { recursive: true });
});

const document = (name: string, rev?: string): StoredDocument => ({
  _id: `ns/${name}`,
  ...(rev === undefined ? {} : { _rev: rev }),
  entityType: 'action',
  namespace: 'ns',
  name,
  updated: 1,
});
const code = (text: string) => ({ name: 'codefile', contentType: 'text/plain', data: Buffer.from(text) });
const files = async (): Promise<number> =>
  (await readdir(join(directory, 'documents'))).filter((name) => name.endsWith('.attachment')).length;

test('only what is held stays on the disk beside what documents name, and goes with the last hold', async () => {
  let rev = await store.put(document('a'), code('0'));
  const releases: Release[] = [];
  for (let at = 1; at <= 5; at++) {
    if (at % 2 === 1) {
      releases.push((await store.hold('ns/a', rev, 'codefile'))!);
      releases.push((await store.hold('ns/a', rev, 'codefile'))!);
    }
    rev = await store.put(document('a', rev), code(String(at)));
  }
  expect(await files()).toBe(4);
  const [first, second, ...others] = releases as [Release, Release, ...Release[]];
  first();
  expect(await files()).toBe(4);
  second();
  await until(async () => (await files()) === 3);
  await store.delete('ns/a', rev);
  for (const release of others) release();
  await until(async () => (await files()) === 0);
});

test('what was held when the process ended is not kept by the next one', async () => {
  const rev = await store.put(document('a'), code('old'));
  await store.hold('ns/a', rev, 'codefile');
  const now = await store.put(document('a', rev), code('new'));
  expect(await files()).toBe(2);
  await store.close();
  store = await openEmbeddedStore(directory);
  expect(await files()).toBe(1);
  expect(await store.attachment('ns/a', rev, 'codefile')).toBeUndefined();
  expect((await store.attachment('ns/a', now, 'codefile'))?.toString()).toBe('new');
});

test('a namespace whose holds alone keep too much holds nothing more, and others do', () => {
  const removed: string[] = [];
  const held = new HeldAttachments(({ file }) => removed.push(file), 1000);
  const attachment = (file: string) => ({ file, contentType: 'text/plain', bytes: 500 });
  const [one, two] = ['1', '2'].map((at) => held.hold(`greedy/a@${at}`, 'greedy', attachment(at)));
  expect(held.leave('greedy', [attachment('1'), attachment('2')])).toEqual([]);
  expect(held.leftBytes).toBe(1000);
  expect(() => held.hold('greedy/a@3', 'greedy', attachment('3'))).toThrow(StoreUnavailableError);
  held.hold('modest/a@1', 'modest', attachment('4'))();
  one!();
  held.hold('greedy/a@3', 'greedy', attachment('3'))();
  two!();
  expect([removed, held.leftBytes, held.size]).toEqual([['1', '2'], 0, 0]);
});

test('what a store that was read anew does not name any more goes with its last hold', () => {
  const removed: string[] = [];
  const held = new HeldAttachments(({ file }) => removed.push(file));
  const [kept, gone] = ['kept', 'gone'].map((file) =>
    held.hold(`ns/${file}@1`, 'ns', { file, contentType: 'text/plain', bytes: 1 }),
  );
  held.leaveAllBut(new Set(['kept']));
  held.leaveAllBut(new Set(['kept']));
  expect(held.leftBytes).toBe(1);
  kept!();
  gone!();
  expect([removed, held.leftBytes]).toEqual([['gone'], 0]);
});
