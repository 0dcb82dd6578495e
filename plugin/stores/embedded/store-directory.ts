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
import { inParallel, sameFile, syncDirectory, writeSynced } from './durable-files.js';

interface Marker {
  readonly format: 'dataflower-documents';
  readonly version: 1;
  /** Random id of this store. */
  readonly store: string;
}

const MARKER = 'store.json';
const TEMPORARY = '.tmp';
const ATTACHMENT = '.attachment';
/** Free space that a store needs before it is written again. */
const PROBE_BYTES = 64 * 1024;
const OWNER_ONLY = 0o700;

/**
 * A directory with one file for each document, which is replaced as a whole: a failed write changes nothing. The directory
 * stays open, so that a replacement at the same path is noticed.
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

  /** Makes a store atomically: `fill` writes into it before it gets its name. A failure leaves nothing. */
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

  /** Opens the directory that is at the path now. Throws when that is another store. */
  async reopen(): Promise<void> {
    const there = await StoreDirectory.open(this.path);
    if (there.#store !== this.#store) {
      await there.close();
      throw new Error(`${this.path} is another store than the one that was opened: restart the server to use it`);
    }
    await this.#handle.close();
    this.#handle = there.#handle;
  }

  /** Reads the entry of every document, and removes files that neither an entry nor `keeps` needs: failed writes left them. */
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
    // A file that a killed process has created must be as durable as the rest.
    await this.#sync();
    return entries;
  }

  /** Throws unless a file can be written, synced and removed. */
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

  /** The file is durable once the document that names it is durable. */
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

  /** Adds an empty file of that name; it is durable once the directory is synced. */
  mark(name: string): Promise<void> {
    return writeSynced(join(this.path, name), Buffer.alloc(0));
  }

  /** Removes attachments that no document names any more; a failed removal is repeated when the store is opened again. */
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

  /** No document names the file yet, so an incomplete one can be removed. */
  async #writeNew(name: string, data: Buffer): Promise<void> {
    const path = join(this.path, name);
    try {
      await writeSynced(path, data);
    } catch (error) {
      await rm(path, { force: true }).catch(() => undefined);
      throw error;
    }
  }

  /** Makes names durable. Throws when another directory is at the path: files in this one could not be found again. */
  async #sync(): Promise<void> {
    await this.#handle.sync();
    const opened = await this.#handle.stat({ bigint: true });
    if (sameFile(opened, await stat(this.path, { bigint: true }))) return;
    throw new Error(`${this.path} was replaced by another directory`);
  }
}

async function readMarker(path: string): Promise<string> {
  const { format, version, store } = JSON.parse(await readFile(join(path, MARKER), 'utf8')) as Marker;
  if (format === 'dataflower-documents' && version === 1) return store;
  throw new Error(`${path} was written by another version of this program, in the format ${format} ${version}`);
}
