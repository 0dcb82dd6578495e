import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { StoredDocument } from '../entity-store.js';
import {
  DamagedFileError,
  documentFileName,
  encodeDocument,
  type Entry,
  isDocumentFileName,
  readDocument,
  readEntry,
  type StoredAttachment,
} from './document-file.js';
import { inParallel } from './durable-files.js';
import { sameFile } from './same-file.js';

interface Marker {
  readonly format: 'dataflower-documents';
  readonly version: 1;
  /** Of this store alone. */
  readonly store: string;
}

const MARKER = 'store.json';
const TEMPORARY = '.tmp';
const ATTACHMENT = '.attachment';
/** Room that a store needs before it is written again. */
const PROBE_BYTES = 64 * 1024;
const OWNER_ONLY = 0o700;
const OWNER_WRITES = 0o600;

/**
 * A directory with a file for each document, replaced as a whole: a write that fails leaves what was there. The directory
 * stays open, so that one that was put in its place is told from it.
 */
export class StoreDirectory {
  #temporaries = 0;

  #handle: FileHandle;
  readonly #store: string;

  private constructor(
    readonly path: string,
    handle: FileHandle,
    store: string,
  ) {
    this.#handle = handle;
    this.#store = store;
  }

  /** Makes a store that appears complete: `fill` writes into it before it has its name. What fails leaves nothing. */
  static async create(path: string, fill: (directory: StoreDirectory) => Promise<void>): Promise<void> {
    const unfinished = `${path}.new`;
    await rm(unfinished, { recursive: true, force: true });
    try {
      await mkdir(unfinished, { mode: OWNER_ONLY });
      const marker: Marker = { format: 'dataflower-documents', version: 1, store: randomUUID() };
      await writeSynced(join(unfinished, MARKER), Buffer.from(`${JSON.stringify(marker)}\n`));
      const directory = await StoreDirectory.open(unfinished);
      try {
        await fill(directory);
        await directory.#handle.sync();
      } finally {
        await directory.close();
      }
      await rename(unfinished, path);
    } catch (error) {
      await rm(unfinished, { recursive: true, force: true }).catch(() => undefined);
      throw error;
    }
    await syncDirectory(dirname(path));
  }

  static async open(path: string): Promise<StoreDirectory> {
    const handle = await open(path, 'r');
    try {
      return new StoreDirectory(path, handle, await readMarker(path));
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Opens what is at the path now. Throws when that is another store. */
  async reopen(): Promise<void> {
    const there = await StoreDirectory.open(this.path);
    if (there.#store !== this.#store) {
      await there.close();
      throw new Error(`${this.path} is another store than the one that was opened: restart the server to use it`);
    }
    await this.#handle.close();
    this.#handle = there.#handle;
  }

  /** Every document's entry, and no files but those that they need, or that `keeps` names: what failed writes left is removed. */
  async scan(keeps: (file: string) => boolean = () => false): Promise<Map<string, Entry>> {
    const names = await readdir(this.path);
    const entries = new Map<string, Entry>();
    await inParallel(names.filter(isDocumentFileName), async (name) => {
      const entry = await readEntry(join(this.path, name));
      entries.set(entry.id, entry);
    });
    const needed = this.#attachmentsOf(entries.values(), new Set(names));
    const isLeft = (name: string): boolean => name.endsWith(ATTACHMENT) && !needed.has(name) && !keeps(name);
    const left = names.filter((name) => name.endsWith(TEMPORARY) || isLeft(name));
    await inParallel(left, (name) => rm(join(this.path, name), { force: true }));
    // A name that a killed process has made is to be as durable as the rest.
    await this.#sync();
    return entries;
  }

  /** Throws unless something can be written, made durable, and removed again. */
  async probe(): Promise<void> {
    const path = join(this.path, `probe${TEMPORARY}`);
    await rm(path, { force: true });
    try {
      await writeSynced(path, Buffer.alloc(PROBE_BYTES));
    } finally {
      await rm(path, { force: true });
    }
    await this.#sync();
  }

  /** The file of the attachment is durable when the document is that names it. */
  async addAttachment(contentType: string, data: Buffer): Promise<StoredAttachment> {
    const file = `${randomUUID()}${ATTACHMENT}`;
    await this.#writeNew(file, data);
    return { file, contentType, bytes: data.length };
  }

  async replaceDocument(document: StoredDocument, entry: Entry): Promise<void> {
    const name = documentFileName(document._id);
    const temporary = `${name}.${++this.#temporaries}${TEMPORARY}`;
    await this.#writeNew(temporary, encodeDocument(document, entry));
    await rename(join(this.path, temporary), join(this.path, name));
    await this.#sync();
  }

  async removeDocument(id: string): Promise<void> {
    await rm(join(this.path, documentFileName(id)));
    await this.#sync();
  }

  /** Adds an empty file of that name, durable when the directory is. */
  mark(name: string): Promise<void> {
    return writeSynced(join(this.path, name), Buffer.alloc(0));
  }

  /** Removes attachments that no document names any more; those that cannot be removed go when the store is opened again. */
  async dropAttachments(attachments: Iterable<StoredAttachment>): Promise<void> {
    for (const { file } of attachments) await rm(join(this.path, file)).catch(() => undefined);
  }

  document(id: string): Promise<StoredDocument> {
    return readDocument(join(this.path, documentFileName(id)));
  }

  async attachment({ file, bytes }: StoredAttachment): Promise<Buffer> {
    const path = join(this.path, file);
    const data = await readFile(path);
    if (data.length !== bytes) throw new DamagedFileError(path, `it has ${data.length} bytes`);
    return data;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  #attachmentsOf(entries: Iterable<Entry>, names: ReadonlySet<string>): Set<string> {
    const needed = new Set<string>();
    for (const { id, attachments } of entries) {
      for (const { file } of Object.values(attachments ?? {})) {
        if (!names.has(file)) throw new DamagedFileError(join(this.path, documentFileName(id)), `${file} is missing`);
        needed.add(file);
      }
    }
    return needed;
  }

  /** No document names it yet, so that it can go when it is not complete. */
  async #writeNew(name: string, data: Buffer): Promise<void> {
    const path = join(this.path, name);
    try {
      await writeSynced(path, data);
    } catch (error) {
      await rm(path, { force: true }).catch(() => undefined);
      throw error;
    }
  }

  /** Names are durable, and in the directory that is at the path: in one that was removed nobody would find them. */
  async #sync(): Promise<void> {
    await this.#handle.sync();
    const opened = await this.#handle.stat({ bigint: true });
    if (sameFile(opened, await stat(this.path, { bigint: true }))) return;
    throw new Error(`${this.path} was replaced by another directory`);
  }
}

async function writeSynced(path: string, data: Buffer): Promise<void> {
  const handle = await open(path, 'wx', OWNER_WRITES);
  try {
    await handle.writeFile(data);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function readMarker(path: string): Promise<string> {
  const { format, version, store } = JSON.parse(await readFile(join(path, MARKER), 'utf8')) as Marker;
  if (format === 'dataflower-documents' && version === 1) return store;
  throw new Error(`${path} was written by another version of this program, in the format ${format} ${version}`);
}
