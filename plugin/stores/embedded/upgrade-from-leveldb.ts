import { access, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClassicLevel } from 'classic-level';
import type { StoredDocument } from '../entity-store.js';
import { StoreLockedError } from './directory-lock.js';
import { entryOf, type StoredAttachment } from './document-file.js';
import { inParallel, isMissing, syncDirectory } from './durable-files.js';
import { StoreDirectory } from './store-directory.js';

// Earlier versions kept the entities in a PouchDB on LevelDB, with its files beside `documents`. A crash at any point leaves
// the old data or a complete new store:
//   1. The new store is written under another name and renamed; the file COPIED in it says that it was just converted.
//   2. The old files are removed, CURRENT last: without it LevelDB finds no database.
//   3. COPIED is removed. Old data that appears later was then written by an older version after the upgrade.

const CURRENT = 'CURRENT';
const LEVELDB_FILE = /^(?:CURRENT|LOCK|LOG|LOG\.old|MANIFEST-\d+|\d+\.(?:log|ldb|sst|dbtmp))$/;
const COPIED = 'old-data-copied';

/** PouchDB's metadata of a document. */
interface Metadata {
  readonly id: string;
  readonly winningRev: string;
  readonly deleted: boolean;
  /** Sequence number of the content, by revision. */
  readonly rev_map: Readonly<Record<string, number>>;
}

type Body = Omit<StoredDocument, '_id' | '_rev'> & {
  readonly _attachments?: Readonly<Record<string, { readonly content_type: string; readonly digest: string }>>;
};

type Old = ClassicLevel<string, Buffer>;

/**
 * Converts the data of an older version in the directory, keeping revisions, and removes it. Returns the number of
 * documents, or undefined when there was nothing to convert. May be killed at any time and called again.
 */
export async function upgradeFromLeveldb(directory: string, documents: string): Promise<number | undefined> {
  const copied = join(documents, COPIED);
  let count: number | undefined;
  if (await exists(join(directory, CURRENT))) {
    if (!(await exists(documents))) count = await copy(directory, documents);
    else if (!(await exists(copied))) {
      throw new Error(
        `${directory} has entities of an older version beside those in ${documents}, because an older version was run after an upgrade: move the one or the other away`,
      );
    }
    await removeOld(directory);
  }
  await rm(copied, { force: true });
  return count;
}

async function copy(directory: string, documents: string): Promise<number> {
  const old = await openOld(directory);
  let count = 0;
  try {
    await StoreDirectory.create(documents, async (store) => {
      await inParallel(living(old), async (metadata) => {
        await copyDocument(old, metadata, store);
        count++;
      });
      const there = (await store.scan()).size;
      if (there !== count) throw new Error(`of ${count} documents of ${directory} ${there} are in the new store`);
      await store.mark(COPIED);
    });
  } finally {
    await old.close();
  }
  return count;
}

async function openOld(directory: string): Promise<Old> {
  const { ClassicLevel } = await import('classic-level');
  const old = new ClassicLevel<string, Buffer>(directory, { createIfMissing: false, valueEncoding: 'buffer' });
  try {
    await old.open();
    return old;
  } catch (cause) {
    const reason = (cause as Error).cause as NodeJS.ErrnoException | undefined;
    if (reason?.code === 'LEVEL_LOCKED') throw new StoreLockedError(`${directory} is in use`, { cause });
    throw reason ?? cause;
  }
}

async function* living(old: Old): AsyncGenerator<Metadata> {
  const first = key('document-store', '');
  for await (const value of old.values({ gte: first, lt: `${first}\u{10ffff}` })) {
    const metadata = parse(value) as Metadata;
    if (!metadata.deleted) yield metadata;
  }
}

async function copyDocument(
  old: Old,
  { id, winningRev, rev_map: places }: Metadata,
  to: StoreDirectory,
): Promise<void> {
  const place = String(places[winningRev]).padStart(16, '0');
  const value = await old.get(key('by-sequence', place));
  if (value === undefined) throw new Error(`the old data has no content of ${id} at revision ${winningRev}`);
  const { _attachments: before, ...body } = parse(value) as Body;
  const document = { ...body, _id: id, _rev: winningRev };
  let attachments: Record<string, StoredAttachment> | undefined;
  for (const [name, { content_type: type, digest }] of Object.entries(before ?? {})) {
    // PouchDB stores no empty attachment.
    const data = (await old.get(key('attach-binary-store', digest))) ?? Buffer.alloc(0);
    attachments = { ...attachments, [name]: await to.addAttachment(type, data) };
  }
  await to.replaceDocument(document, entryOf(document, attachments));
}

async function removeOld(directory: string): Promise<void> {
  const names = (await readdir(directory)).filter((name) => LEVELDB_FILE.test(name) && name !== CURRENT);
  for (const name of names) await rm(join(directory, name), { force: true });
  await syncDirectory(directory);
  await rm(join(directory, CURRENT), { force: true });
  await syncDirectory(directory);
}

/** A key in one of PouchDB's sublevels. */
function key(part: string, name: string): string {
  return `\u00ff${part}\u00ff${name}`;
}

function parse(value: Buffer): unknown {
  return JSON.parse(value.toString());
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
