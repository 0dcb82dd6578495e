import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, watch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { ClassicLevel } from 'classic-level';
import type { EntityStore, StoredDocument } from '../entity-store.js';
import { StoreLockedError } from './directory-lock.js';
import { openEmbeddedStore } from './embedded-store.js';

interface Fixture {
  /** The files of a directory that an older version has left, in base64. */
  readonly files: Readonly<Record<string, string>>;
  /** The answer of that version for it. Code that is a run of `x` is given by its length. */
  readonly expected: readonly { readonly document: StoredDocument; readonly code?: string }[];
}

const { files, expected } = JSON.parse(
  gunzipSync(
    readFileSync(fileURLToPath(new URL('../../../stores/embedded/fixtures/leveldb-entities.json.gz', import.meta.url))),
  ).toString(),
) as Fixture;

let outer: string;
let directory: string;
beforeEach(() => {
  outer = mkdtempSync(join(tmpdir(), 'dataflower-test-'));
  directory = join(outer, 'entities');
  writeOld(directory);
});
afterEach(() => rmSync(outer, { recursive: true }));

function writeOld(to: string): void {
  mkdirSync(to, { recursive: true });
  for (const [name, data] of Object.entries(files)) writeFileSync(join(to, name), Buffer.from(data, 'base64'));
}

async function expectComplete(store: EntityStore): Promise<void> {
  for (const { document, code } of expected) {
    expect(await store.get(document._id)).toEqual(document);
    const data = await store.attachment(document._id, document._rev!, 'codefile');
    expect(data === undefined ? undefined : shortened(data)).toBe(code);
  }
  let count = 0;
  for (const type of ['action', 'rule', 'subject']) count += await store.count({ type, skip: 0 });
  expect(count).toBe(expected.length);
}

const shortened = (data: Buffer): string => (data.length > 100 ? `x:${data.length}` : data.toString());

/** Nothing is left of the old data, and nothing of the way. */
function expectClean(): void {
  expect(readdirSync(directory).sort()).toEqual(['documents', 'lock']);
  expect(readdirSync(join(directory, 'documents'))).not.toContain('old-data-copied');
}

async function expectUpgraded(): Promise<void> {
  const store = await openEmbeddedStore(directory);
  await expectComplete(store);
  await store.close();
  expectClean();
}

test('what an older version has kept is there, with its revisions, and the old files are gone', async () => {
  const told: number[] = [];
  const store = await openEmbeddedStore(directory, { onUpgrade: (documents) => told.push(documents) });
  await expectComplete(store);
  expect(told).toEqual([expected.length]);
  const { _rev, ...often } = (await store.get('guest/often'))!;
  expect(await store.put({ ...often, _rev: _rev! })).toMatch(/^37-/);
  await store.close();
  expectClean();
  await (await openEmbeddedStore(directory, { onUpgrade: () => expect(true).toBe(false) })).close();
});

test('data in tables of LevelDB is taken over as data in its log is', async () => {
  const level = new ClassicLevel(directory);
  await level.open();
  await level.compactRange('\u0000', '\u{10ffff}');
  await level.close();
  expect(readdirSync(directory).some((name) => name.endsWith('.ldb'))).toBe(true);
  await expectUpgraded();
});

test('data that a server of an older version uses is left alone', async () => {
  const level = new ClassicLevel(directory);
  await level.open();
  await expect(openEmbeddedStore(directory)).rejects.toBeInstanceOf(StoreLockedError);
  await level.close();
  await expectUpgraded();
});

describe('an upgrade that was killed', () => {
  const documents = (): string => join(directory, 'documents');

  test('while it copied begins again', async () => {
    await expectUpgraded();
    cpSync(documents(), `${documents()}.new`, { recursive: true });
    rmSync(documents(), { recursive: true });
    for (const name of readdirSync(`${documents()}.new`).slice(0, 3)) rmSync(join(`${documents()}.new`, name));
    writeOld(directory);
    await expectUpgraded();
  });

  test.each([
    ['before it removed any old file', () => true],
    ['while it removed the old files', (name: string) => name === 'CURRENT' || name.endsWith('.log')],
    ['after it removed the old files', () => false],
  ])('%s goes on', async (_, isLeft) => {
    await expectUpgraded();
    writeOld(directory);
    for (const name of Object.keys(files)) if (!isLeft(name)) rmSync(join(directory, name));
    writeFileSync(join(documents(), 'old-data-copied'), '');
    await expectUpgraded();
  });

  test('at any moment loses nothing', async () => {
    const program = `
      import { openEmbeddedStore } from ${JSON.stringify(new URL('./embedded-store.js', import.meta.url).href)};
      await (await openEmbeddedStore(${JSON.stringify(directory)})).close();`;
    let upgraded = false;
    for (let changes = 1; !upgraded; changes += 7) {
      rmSync(directory, { recursive: true });
      writeOld(directory);
      const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'inherit' });
      let seen = 0;
      const look = (): void => {
        if (++seen === changes) child.kill('SIGKILL');
      };
      const watchers = [watch(directory, look)];
      watchers[0]!.on('change', (_, name) => {
        if (name === 'documents.new' && watchers.length === 1) watchers.push(watch(join(directory, name), look));
      });
      const [code] = (await once(child, 'exit')) as [number | null];
      for (const watcher of watchers) watcher.close();
      upgraded = code === 0;
      await expectUpgraded();
    }
  });
});

test('old data that an older version wrote after the upgrade is not removed: the operator has to choose', async () => {
  await expectUpgraded();
  writeOld(directory);
  await expect(openEmbeddedStore(directory)).rejects.toThrow(/older version beside/);
  for (const name of Object.keys(files)) rmSync(join(directory, name));
  await expectUpgraded();
});

test('old data that cannot be read completely is kept as it is', async () => {
  const level = new ClassicLevel(directory);
  await level.open();
  for await (const key of level.keys({ gte: '\u00ffby-sequence' })) {
    if (!key.startsWith('\u00ffby-sequence\u00ff')) continue;
    await level.del(key);
  }
  await level.close();
  await expect(openEmbeddedStore(directory)).rejects.toThrow(/no content of/);
  expect(readdirSync(directory)).toContain('CURRENT');
  expect(readdirSync(directory).filter((name) => name.startsWith('documents'))).toEqual([]);
});
