import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '@dataflower/common/testing';
import { type EntityStore, type StoredDocument, StoreUnavailableError } from '../entity-store.js';
import { StoreLockedError } from './directory-lock.js';
import { documentFileName } from './document-file.js';
import { openEmbeddedStore } from './embedded-store.js';

let outer: string;
let directory: string;
let documents: string;
let store: EntityStore;
let problems: (string | undefined)[];

const open = () => openEmbeddedStore(directory, { onProblem: (reason) => problems.push(reason) });
beforeEach(async () => {
  outer = mkdtempSync(join(tmpdir(), 'dataflower-test-'));
  directory = join(outer, 'entities');
  documents = join(directory, 'documents');
  mkdirSync(directory);
  problems = [];
  store = await open();
});
afterEach(async () => {
  await store.close();
  rmSync(outer, { recursive: true });
});

const document = (name: string, more: object = {}): StoredDocument => ({
  _id: `ns/${name}`,
  entityType: 'action',
  namespace: 'ns',
  name,
  updated: 1,
  ...more,
});
const bytes = (text: string) => ({ name: 'codefile', contentType: 'text/plain', data: Buffer.from(text) });
const fileOf = (name: string) => join(documents, documentFileName(`ns/${name}`));
const isReady = () => store.health() === undefined;

async function restart(): Promise<void> {
  await store.close();
  store = await open();
}

/** In place of a file that is written next: nothing can be written there, whoever the user is. */
async function refusingWrites(): Promise<() => void> {
  const aside = join(outer, 'aside');
  renameSync(documents, aside);
  await expect(store.put(document('refused'))).rejects.toBeInstanceOf(StoreUnavailableError);
  return () => renameSync(aside, documents);
}

test('what a failed write left is removed when the store is opened again, in this process and in the next', async () => {
  await store.put(document('a'), bytes('one'));
  const kept = readdirSync(documents).sort();
  const leave = () => {
    writeFileSync(join(documents, 'left.attachment'), 'x');
    writeFileSync(join(documents, 'left.tmp'), 'x');
  };
  const allow = await refusingWrites();
  allow();
  leave();
  await until(isReady);
  expect(readdirSync(documents).sort()).toEqual(kept);
  leave();
  await restart();
  expect(readdirSync(documents).sort()).toEqual(kept);
});

test('while writes are refused it says why, and goes on reading where it can', async () => {
  await store.put(document('a'), bytes('one'));
  const allow = await refusingWrites();
  expect(store.health()).toMatch(/ENOENT.*writes are refused with 503/);
  await expect(store.get('ns/a')).rejects.toBeInstanceOf(StoreUnavailableError);
  expect(await store.get('ns/none')).toBeUndefined();
  allow();
  expect(await store.get('ns/a')).toMatchObject({ name: 'a' });
  await until(isReady);
  expect(problems.at(-1)).toBeUndefined();
  await store.put(document('b'));
});

test('it is not ready while a document that was confirmed is missing', async () => {
  await store.put(document('a'));
  const data = readFileSync(fileOf('a'));
  const allow = await refusingWrites();
  rmSync(join(outer, 'aside', documentFileName('ns/a')));
  allow();
  await until(() => store.health()?.includes('1 documents that were confirmed are not in'));
  expect(store.health()).toContain('ns/a');
  await expect(store.put(document('b'))).rejects.toBeInstanceOf(StoreUnavailableError);
  writeFileSync(fileOf('a'), data);
  await until(isReady);
  await store.put(document('b'));
});

test('a document whose file is gone makes it unready as soon as it is read', async () => {
  await store.put(document('a'));
  rmSync(fileOf('a'));
  await expect(store.get('ns/a')).rejects.toBeInstanceOf(StoreUnavailableError);
  await until(() => store.health()?.includes('ns/a'));
  await restart();
  expect(await store.get('ns/a')).toBeUndefined();
  await store.put(document('a'));
});

test('a copy of the directory in its place is used when it has all that was confirmed, and not before', async () => {
  await store.put(document('a'));
  const copy = join(outer, 'copy');
  cpSync(documents, copy, { recursive: true });
  await store.put(document('b'));
  rmSync(documents, { recursive: true });
  renameSync(copy, documents);
  await expect(store.put(document('c'))).rejects.toBeInstanceOf(StoreUnavailableError);
  await until(() => store.health()?.includes('ns/b'));
  await restart();
  expect(await store.get('ns/a')).toMatchObject({ name: 'a' });
  expect(await store.get('ns/b')).toBeUndefined();
});

test('a write whose outcome is not known is there as a whole or not at all, and may be done again', async () => {
  const rev = await store.put(document('a', { value: 'x'.repeat(1000) }), bytes('one'));
  const aside = join(outer, 'aside');
  const writes = Array.from({ length: 20 }, (_, i) => store.put(document(`n${i}`), bytes(`n${i}`)));
  renameSync(documents, aside);
  const outcomes = await Promise.allSettled([...writes, store.put(document('a', { _rev: rev }), bytes('two'))]);
  renameSync(aside, documents);
  await until(isReady);
  for (const again of [false, true]) {
    if (again) await restart();
    for (const [i, { status }] of outcomes.slice(0, 20).entries()) {
      const found = await store.get(`ns/n${i}`);
      if (status === 'fulfilled') expect(found).toBeDefined();
      if (found !== undefined)
        expect((await store.attachment(`ns/n${i}`, found._rev!, 'codefile'))?.toString()).toBe(`n${i}`);
    }
    const a = (await store.get('ns/a'))!;
    const code = a._rev === rev ? 'one' : 'two';
    expect((await store.attachment('ns/a', a._rev!, 'codefile'))?.toString()).toBe(code);
  }
});

test('a damaged file is named, when it is read and when the store is opened', async () => {
  await store.put(document('a', { value: 'right' }), bytes('code'));
  const file = fileOf('a');
  const right = readFileSync(file, 'utf8');
  writeFileSync(file, right.replace('right', 'wrong'));
  await expect(store.get('ns/a')).rejects.toThrow(`The file ${file} is damaged (its checksum is wrong)`);
  expect(store.health()).toBeUndefined();
  await store.close();
  for (const wrong of [right.slice(0, -1), 'x', '', `{}\n`, 'null\n']) {
    writeFileSync(file, wrong);
    await expect(open()).rejects.toThrow(`The file ${file} is damaged`);
  }
  writeFileSync(file, right);
  store = await open();
  const attachment = readdirSync(documents).find((name) => name.endsWith('.attachment'))!;
  appendFileSync(join(documents, attachment), 'x');
  await expect(store.attachment('ns/a', (await store.get('ns/a'))!._rev!, 'codefile')).rejects.toThrow(attachment);
  rmSync(join(documents, attachment));
  await expect(store.attachment('ns/a', (await store.get('ns/a'))!._rev!, 'codefile')).rejects.toThrow(attachment);
  await until(() => store.health()?.includes(`${attachment} is missing`));
  await store.close();
  await expect(open()).rejects.toThrow(`The file ${file} is damaged (${attachment} is missing)`);
  rmSync(file);
  store = await open();
});

test('files that are not its own are left alone', async () => {
  await store.put(document('a'));
  writeFileSync(join(documents, '.DS_Store'), 'x');
  mkdirSync(join(documents, 'lost+found'));
  await restart();
  expect(await store.count({ type: 'action', skip: 0 })).toBe(1);
  expect(readdirSync(documents)).toEqual(expect.arrayContaining(['.DS_Store', 'lost+found']));
});

test('a lock that was removed is taken again before anything is written, or held by the other for good', async () => {
  await store.put(document('a'));
  const lock = join(directory, 'lock');
  rmSync(lock);
  const allow = await refusingWrites();
  allow();
  await until(isReady);
  await expect(open()).rejects.toBeInstanceOf(StoreLockedError);
  rmSync(lock);
  const other = await open();
  const allowAgain = await refusingWrites();
  allowAgain();
  await until(() => store.health()?.includes('held by another process'));
  await other.close();
  await until(isReady);
});

test('a store that another version wrote is not opened', async () => {
  await store.close();
  const marker = join(documents, 'store.json');
  const right = readFileSync(marker, 'utf8');
  writeFileSync(marker, right.replace('"version":1', '"version":2'));
  await expect(open()).rejects.toThrow(/another version of this program/);
  writeFileSync(marker, right);
  store = await open();
});

test('it can be closed while it is waiting for room', async () => {
  const allow = await refusingWrites();
  await store.close();
  await store.close();
  allow();
  await expect(store.put(document('a'))).rejects.toBeInstanceOf(StoreUnavailableError);
  store = await open();
  expect(await store.put(document('a'))).toMatch(/^1-/);
});
