import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type Clock, systemClock } from '@dataflower/common';
import {
  type Attachment,
  ConflictError,
  type EntityStore,
  type ListQuery,
  type Release,
  type StoredDocument,
  StoreUnavailableError,
} from '../entity-store.js';
import { DirectoryLock } from './directory-lock.js';
import { DamagedFileError, type Entry, entryOf, filesOf, type StoredAttachment } from './document-file.js';
import { HeldAttachments } from './held-attachments.js';
import { inParallel, isMissing } from './durable-files.js';
import { StoreDirectory } from './store-directory.js';
import { upgradeFromLeveldb } from './upgrade-from-leveldb.js';
import { WriteGuard } from './write-guard.js';

export interface EmbeddedStoreOptions {
  /** Drives the retries after a failed write. Default: the system's. */
  readonly clock?: Clock;
  /** Called with the reason when writes are refused, and with undefined when they are accepted again. Default: no call. */
  readonly onProblem?: (reason: string | undefined) => void;
  /** Called with the number of documents that were converted from an older version. Default: no call. */
  readonly onUpgrade?: (documents: number) => void;
}

/** Attempts to read a document that is being written. */
const READS = 5;
const NAMED_DOCUMENTS = 3;

/**
 * Opens the store in a directory. Data of versions that kept it in LevelDB is converted first.
 * @throws StoreLockedError while the directory is open elsewhere.
 */
export async function openEmbeddedStore(
  directory: string,
  { clock = systemClock, onProblem = () => undefined, onUpgrade = () => undefined }: EmbeddedStoreOptions = {},
): Promise<EntityStore> {
  const lock = await DirectoryLock.take(join(directory, 'lock'));
  try {
    const path = join(directory, 'documents');
    const upgraded = await upgradeFromLeveldb(directory, path);
    if (upgraded !== undefined) onUpgrade(upgraded);
    const files = await openOrCreate(path);
    try {
      return new EmbeddedStore(lock, files, await files.scan(), clock, onProblem);
    } catch (error) {
      await files.close();
      throw error;
    }
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function openOrCreate(path: string): Promise<StoreDirectory> {
  try {
    return await StoreDirectory.open(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
    await StoreDirectory.create(path, () => Promise.resolve());
    return StoreDirectory.open(path);
  }
}

/** Entities in files. An index in memory answers listings, since this process is the only writer. */
class EmbeddedStore implements EntityStore {
  readonly #guard: WriteGuard;
  /** The last write in progress, by document. */
  readonly #writing = new Map<string, Promise<unknown>>();
  /** Documents whose last write may or may not have been carried out. */
  readonly #uncertain = new Set<string>();
  readonly #held: HeldAttachments;
  /** The last removal of a formerly held file. */
  #removing: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  readonly #lock: DirectoryLock;
  readonly #files: StoreDirectory;
  #entries: Map<string, Entry>;

  constructor(
    lock: DirectoryLock,
    files: StoreDirectory,
    entries: Map<string, Entry>,
    clock: Clock,
    onProblem: (reason: string | undefined) => void,
  ) {
    this.#lock = lock;
    this.#files = files;
    this.#entries = entries;

    this.#guard = new WriteGuard({ clock, onProblem, reopen: () => this.#readBack() });
    this.#held = new HeldAttachments((attachment) => this.#removeHeld(attachment));
  }

  async get(id: string): Promise<StoredDocument | undefined> {
    for (let reads = 0; reads < READS; reads++) {
      const entry = this.#entries.get(id);
      if (entry === undefined) return undefined;
      const document = await this.#read(
        () => this.#files.document(id),
        () => this.#entries.get(id) !== entry,
      );
      if (document !== undefined) return document;
    }
    throw new StoreUnavailableError(new Error(`the document ${id} changes faster than it can be read`));
  }

  put(document: StoredDocument, attachment?: Attachment | 'keep'): Promise<string> {
    const { _id: id } = document;
    return this.#write(id, async () => {
      const before = this.#current(id, document._rev);
      const attachments = attachment === 'keep' ? before?.attachments : await this.#add(attachment);
      const written = { ...document, _rev: nextRevision(before?.rev) };
      const entry = entryOf(written, attachments);
      this.#uncertain.add(id);
      await this.#files.replaceDocument(written, entry);
      this.#uncertain.delete(id);
      this.#entries.set(id, entry);
      if (attachment !== 'keep') await this.#dropAttachments(before);
      return written._rev;
    });
  }

  delete(id: string, rev: string): Promise<void> {
    return this.#write(id, async () => {
      const before = this.#current(id, rev);
      if (before === undefined) throw new ConflictError(id);
      this.#uncertain.add(id);
      await this.#files.removeDocument(id);
      this.#uncertain.delete(id);
      this.#entries.delete(id);
      await this.#dropAttachments(before);
    });
  }

  async list(query: ListQuery): Promise<StoredDocument[]> {
    const page = this.#select(query).slice(query.skip, query.skip + query.limit);
    const documents = new Array<StoredDocument | undefined>(page.length);
    await inParallel(page.entries(), async ([index, { id }]) => (documents[index] = await this.get(id)));
    return documents.filter((document) => document !== undefined);
  }

  async *each(query: ListQuery): AsyncGenerator<StoredDocument> {
    for (const { id } of this.#select(query).slice(query.skip, query.skip + query.limit)) {
      const document = await this.get(id);
      if (document !== undefined) yield document;
    }
  }

  count(query: Omit<ListQuery, 'limit'>): Promise<number> {
    return Promise.resolve(Math.max(0, this.#select(query).length - query.skip));
  }

  async attachment(id: string, rev: string, name: string): Promise<Buffer | undefined> {
    const attachment = this.#attachmentOf(id, rev, name);
    if (attachment === undefined) return undefined;
    return this.#read(
      () => this.#files.attachment(attachment),
      () => this.#attachmentOf(id, rev, name) === undefined,
    );
  }

  hold(id: string, rev: string, name: string): Release | undefined {
    const attachment = this.#attachmentOf(id, rev, name);
    if (attachment === undefined) return undefined;
    const [namespace] = id.split('/', 1) as [string];
    return this.#held.hold(revisionOf(id, rev, name), namespace, attachment);
  }

  health(): string | undefined {
    const { problem } = this.#guard;
    if (problem === undefined) return undefined;
    return `the entities cannot be written (${problem}): writes are refused with 503 until the store could be read back`;
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#end());
  }

  async #end(): Promise<void> {
    await this.#guard.close();
    await this.#removing;
    await this.#files.close();
    await this.#lock.release();
  }

  /** Serializes the writes of a document: each is checked against the previous revision. */
  async #write<T>(id: string, operation: () => Promise<T>): Promise<T> {
    const before = this.#writing.get(id) ?? Promise.resolve();
    const run = before.then(() => this.#guard.write(operation));
    const ended = run.then(
      () => undefined,
      () => undefined,
    );
    this.#writing.set(id, ended);
    try {
      return await run;
    } finally {
      if (this.#writing.get(id) === ended) this.#writing.delete(id);
    }
  }

  #current(id: string, rev: string | undefined): Entry | undefined {
    const entry = this.#entries.get(id);
    if (entry?.rev !== rev) throw new ConflictError(id);
    return entry;
  }

  async #add(attachment: Attachment | undefined): Promise<Entry['attachments']> {
    if (attachment === undefined) return undefined;
    const { name, contentType, data } = attachment;
    return { [name]: await this.#files.addAttachment(contentType, data) };
  }

  #attachmentOf(id: string, rev: string, name: string): StoredAttachment | undefined {
    const entry = this.#entries.get(id);
    if (entry?.rev === rev) return entry.attachments?.[name];
    return this.#held.find(revisionOf(id, rev, name));
  }

  async #dropAttachments(entry: Entry | undefined): Promise<void> {
    if (entry?.attachments === undefined) return;
    const [namespace] = entry.id.split('/', 1) as [string];
    await this.#files.dropAttachments(this.#held.leave(namespace, Object.values(entry.attachments)));
  }

  /** After `close`, the next opening removes the file. */
  #removeHeld(attachment: StoredAttachment): void {
    if (this.#closing !== undefined) return;
    this.#removing = this.#removing.then(() => this.#files.dropAttachments([attachment]));
  }

  /** Undefined for a file that is missing because it `isGone`. Any other failed read means that the store is broken. */
  async #read<T>(operation: () => Promise<T>, isGone: () => boolean): Promise<T | undefined> {
    try {
      return await operation();
    } catch (cause) {
      if (cause instanceof DamagedFileError) throw cause;
      if (isMissing(cause) && isGone()) return undefined;
      this.#guard.fail(cause);
      throw new StoreUnavailableError(cause as Error);
    }
  }

  /** Reads the store again. Throws unless all confirmed documents are in the directory at the path. */
  async #readBack(): Promise<void> {
    await this.#lock.renew();
    await this.#files.reopen();
    await this.#files.probe();
    const entries = await this.#files.scan((file) => this.#held.keeps(file));
    const lost = [...this.#entries.values()].filter(
      ({ id, rev }) => !this.#uncertain.has(id) && entries.get(id)?.rev !== rev,
    );
    if (lost.length > 0) throw new Error(lostText(this.#files.path, lost));
    this.#entries = entries;
    this.#held.leaveAllBut(filesOf(entries.values()));
    this.#uncertain.clear();
  }

  #select(query: Omit<ListQuery, 'limit'>): Entry[] {
    const chosen = [...this.#entries.values()].filter(
      (entry) => entry.type === query.type && (query.namespace === undefined || entry.namespace === query.namespace),
    );
    return chosen.sort((a, b) => b.updated - a.updated || (a.id < b.id ? -1 : 1));
  }
}

/** In CouchDB's form. The random part keeps a document that is deleted and made again from repeating a revision. */
function nextRevision(rev: string | undefined): string {
  const generation = rev === undefined ? 0 : Number.parseInt(rev, 10);
  return `${generation + 1}-${randomBytes(16).toString('hex')}`;
}

function revisionOf(id: string, rev: string, name: string): string {
  return `${id}@${rev}/${name}`;
}

function lostText(path: string, lost: readonly Entry[]): string {
  const names = lost.slice(0, NAMED_DOCUMENTS).map(({ id }) => id);
  const more = lost.length > names.length ? ' and others' : '';
  return (
    `${lost.length} documents that were confirmed are not in ${path} any more (${names.join(', ')}${more}): ` +
    'put the directory back, or restart the server to go on without them'
  );
}
