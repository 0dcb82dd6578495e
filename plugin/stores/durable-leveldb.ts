import leveldown from 'leveldown';
import LevelPouch from 'pouchdb-adapter-leveldb-core';
import PouchDB from 'pouchdb-core';

type Written = Promise<{ readonly rev: string }>;

/** The part of PouchDB's interface that is used here. */
export interface PouchDatabase<T extends object> {
  get(id: string): Promise<T>;
  put(document: T): Written;
  remove(id: string, rev: string): Written;
  /** By id; `startkey` is the first. */
  allDocs(options: {
    readonly include_docs: true;
    readonly limit: number;
    readonly startkey?: string;
    readonly skip?: number;
  }): Promise<{ readonly rows: readonly { readonly id: string; readonly doc?: T }[] }>;
  getAttachment(id: string, name: string, options: { readonly rev: string }): Promise<Buffer>;
  close(): Promise<void>;
}

type Leveldown = ReturnType<typeof leveldown>;

const ADAPTER = 'durable-leveldb';
/** Revisions that a document remembers. Nothing replicates here, and with PouchDB's 1000 each update writes them all. */
const KEPT_REVISIONS = 10;

/** A leveldb whose every write is on the disk before it is confirmed. */
function durable(path: string): Leveldown {
  const db = leveldown(path);
  const batch = db._batch.bind(db);
  const put = db._put.bind(db);
  db._batch = (operations, options, callback) => batch(operations, { ...options, sync: true }, callback);
  db._put = (key, value, options, callback) => put(key, value, { ...options, sync: true }, callback);
  return db;
}

/**
 * Opens a PouchDB in a directory. PouchDB shares a database that is opened twice in one process, by the name of the
 * function that opens it; a function of its own for each opening leaves it to leveldb to refuse the second, as it does
 * between processes.
 */
export function openPouch<T extends object>(directory: string): PouchDatabase<T> {
  const adapter = function (this: unknown, options: object, callback: (error: unknown) => void): void {
    LevelPouch.call(this, { ...options, db: opener }, callback);
  };
  adapter.valid = () => true;
  adapter.use_prefix = false;
  const opener = (path: string): Leveldown => durable(path);
  Object.defineProperty(opener, 'name', { value: `${ADAPTER}-${process.hrtime.bigint().toString(36)}` });
  PouchDB.adapter(ADAPTER, adapter, true);
  const options = { adapter: ADAPTER, auto_compaction: true, revs_limit: KEPT_REVISIONS };
  return new PouchDB(directory, options) as unknown as PouchDatabase<T>;
}
