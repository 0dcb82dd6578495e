import { LRUCache } from 'lru-cache';
import {
  ChangesFeed,
  type CouchAttachment,
  type CouchClient,
  CouchDatabase,
  type CouchDocument,
  type DatabaseSchema,
  prepareDatabase,
} from '@dataflower/common/couchdb';
import {
  type Attachment,
  ConflictError,
  type EntityStore,
  type ListQuery,
  type Release,
  releaseOnce,
  type StoredDocument,
  type StoreEvents,
} from '../entity-store.js';
import { AttachmentSpool, type AttachmentSpoolOptions } from './attachment-spool.js';
import { asStoreError } from './store-errors.js';

/** Design document of the listings. Its views never change: another version gets another name. */
const LISTS = 'dataflower-lists-v1';
/** `[type, namespace, -updated]`: newest first; CouchDB orders equal keys by id. */
const IN_NAMESPACE = 'in-namespace';
/** `[type, -updated]`. */
const OF_TYPE = 'of-type';

/** Greater than every number: the end of a range of keys. */
const LAST = {};

/** The database of entities, as this version of DataFlower reads and writes it. */
const ENTITY_SCHEMA: DatabaseSchema = {
  version: 1,
  designs: {
    [LISTS]: {
      [IN_NAMESPACE]: {
        map: 'function (doc) { if (doc.entityType) emit([doc.entityType, doc.namespace, -doc.updated], null); }',
        reduce: '_count',
      },
      [OF_TYPE]: {
        map: 'function (doc) { if (doc.entityType) emit([doc.entityType, -doc.updated], null); }',
        reduce: '_count',
      },
    },
  },
};

type Attachments = Readonly<Record<string, CouchAttachment>>;
type EntityDocument = StoredDocument & CouchDocument;

export interface CouchEntityStoreOptions {
  readonly client: CouchClient;
  /** Name of the database. */
  readonly database: string;
  /** Where held attachments are copied to. Default: the defaults of the spool. */
  readonly spool?: AttachmentSpoolOptions;
  /** Longest use of cached documents without a report from CouchDB, in ms. */
  readonly maxStaleMs: number;
  /** Duration of one long poll for changes, in ms. */
  readonly pollMs?: number;
  /** Called with the reason when CouchDB cannot be used, and with undefined when it can again. */
  readonly onProblem?: (reason: string | undefined) => void;
  /** Called with the number of copies of each document, when a cluster keeps several. */
  readonly onCopies?: (copies: number) => void;
}

/** Documents whose attachment stubs are remembered: a write that keeps its attachments needs no read then. */
const KNOWN_STUBS = 10_000;

/** Prepares the database and opens it. The caller closes the client. */
export async function openCouchEntityStore(options: CouchEntityStoreOptions): Promise<EntityStore> {
  const { client, database, maxStaleMs, pollMs, onProblem, onCopies } = options;
  const prepare = (): ReturnType<typeof prepareDatabase> => prepareDatabase(client, database, ENTITY_SCHEMA);
  const prepared = await prepare();
  if (prepared.copies > 1) onCopies?.(prepared.copies);
  let events: StoreEvents | undefined;
  const feed = new ChangesFeed(
    {
      client,
      database,
      prepare,
      onChange: ({ id, changes: [{ rev }] }) => events?.changed(id, rev),
      onReset: () => events?.reset(),
      onSilence: () => events?.reset(),
      maxSilenceMs: maxStaleMs,
      ...(pollMs === undefined ? {} : { pollMs }),
      ...(onProblem === undefined ? {} : { onProblem }),
    },
    prepared,
  );
  const spool = new AttachmentSpool(options.spool);
  return new CouchEntityStore(new CouchDatabase(client, database), feed, spool, (watcher) => (events = watcher));
}

/** Entities in a CouchDB that several processes write. */
class CouchEntityStore implements EntityStore {
  /** By id and revision. */
  readonly #stubs = new LRUCache<string, Attachments>({ max: KNOWN_STUBS });
  /** Spool keys of held attachments, by revision. */
  readonly #held = new Map<string, { readonly key: string; holds: number }>();

  readonly #database: CouchDatabase;
  readonly #feed: ChangesFeed<unknown>;
  readonly #spool: AttachmentSpool;

  constructor(
    database: CouchDatabase,
    feed: ChangesFeed<unknown>,
    spool: AttachmentSpool,
    readonly watch: (events: StoreEvents) => void,
  ) {
    this.#database = database;
    this.#feed = feed;
    this.#spool = spool;
  }

  /** One request. */
  async get(id: string): Promise<StoredDocument | undefined> {
    const found = await this.#database.get<EntityDocument>(id).catch(asStoreError(id));
    return found === undefined ? undefined : this.#split(found).document;
  }

  /** One request; one more to keep an attachment that this process has not read. */
  async put(document: StoredDocument, attachment?: Attachment | 'keep'): Promise<string> {
    const { _id: id } = document;
    const attachments = attachment === 'keep' ? await this.#kept(document) : fresh(attachment);
    const written: CouchDocument = attachments === undefined ? document : { ...document, _attachments: attachments };
    const rev = await this.#database.put(written).catch(asStoreError(id));
    if (rev === undefined) throw new ConflictError(id);
    return rev;
  }

  async delete(id: string, rev: string): Promise<void> {
    if (!(await this.#database.remove(id, rev).catch(asStoreError(id)))) throw new ConflictError(id);
  }

  async list({ type, namespace, skip, limit }: ListQuery): Promise<StoredDocument[]> {
    const { view, key } = range(type, namespace);
    const rows = await this.#database
      .view<EntityDocument>(LISTS, view, {
        startkey: key,
        endkey: [...key, LAST],
        skip,
        limit,
        reduce: false,
        include_docs: true,
      })
      .catch(asStoreError(type));
    return rows.flatMap(({ doc }) => (doc ? [this.#split(doc).document] : []));
  }

  /** One request for the ids, and one for each document. */
  async *each({ type, namespace, skip, limit }: ListQuery): AsyncGenerator<StoredDocument> {
    const { view, key } = range(type, namespace);
    const query = { startkey: key, endkey: [...key, LAST], skip, limit, reduce: false };
    const rows = await this.#database.view(LISTS, view, query).catch(asStoreError(type));
    for (const { id } of rows) {
      const document = await this.get(id);
      if (document !== undefined) yield document;
    }
  }

  async count({ type, namespace, skip }: Omit<ListQuery, 'limit'>): Promise<number> {
    const { view, key } = range(type, namespace);
    const rows = await this.#database
      .view(LISTS, view, { startkey: key, endkey: [...key, LAST], reduce: true })
      .catch(asStoreError(type));
    return Math.max(0, Number(rows[0]?.value ?? 0) - skip);
  }

  /** From the spool when it is there; else one request. */
  async attachment(id: string, rev: string, name: string): Promise<Buffer | undefined> {
    return (await this.#spool.read(this.#keyOf(id, rev, name))) ?? this.#fetch(id, rev, name);
  }

  /**
   * Copies the attachment into the spool: CouchDB removes old revisions when it is compacted, and any process may write a
   * new one. One request when there is no copy yet.
   */
  hold(id: string, rev: string, name: string): Release | Promise<Release | undefined> {
    const revision = revisionOf(id, rev, name);
    // Determined before the fetch, during which the stub may be forgotten and the key with it.
    const held = this.#held.get(revision) ?? { key: this.#keyOf(id, rev, name), holds: 0 };
    this.#held.set(revision, held);
    held.holds++;
    const leave = (): undefined => {
      if (--held.holds === 0) this.#held.delete(revision);
    };
    const kept = (release: Release): Release =>
      releaseOnce(() => {
        leave();
        release();
      });
    const failed = (error: unknown): never => {
      leave();
      throw error;
    };
    const [namespace] = id.split('/', 1) as [string];
    try {
      const release = this.#spool.hold(held.key, namespace, () => this.#fetch(id, rev, name));
      if (!(release instanceof Promise)) return kept(release);
      return release.then((later) => (later === undefined ? leave() : kept(later)), failed);
    } catch (error) {
      return failed(error);
    }
  }

  async #fetch(id: string, rev: string, name: string): Promise<Buffer | undefined> {
    const found = await this.#database.get(id, { rev, attachments: true }).catch(asStoreError(id));
    const attached = found?._attachments?.[name];
    return attached === undefined || !('data' in attached) ? undefined : Buffer.from(attached.data, 'base64');
  }

  health(): string | undefined {
    return this.#database.client.problem() ?? this.#feed.problem();
  }

  async close(): Promise<void> {
    await this.#feed.close();
    await this.#spool.close();
  }

  /** Revisions of one document with the same digest share a copy. Documents do not: the digest is MD5. */
  #keyOf(id: string, rev: string, name: string): string {
    const revision = revisionOf(id, rev, name);
    const held = this.#held.get(revision);
    if (held !== undefined) return held.key;
    const stub = this.#stubs.get(keyOf(id, rev))?.[name];
    return stub !== undefined && 'digest' in stub ? `${id}/${name} ${stub.digest}` : revision;
  }

  /** Stubs that keep the attachments of this revision. Rejects with `ConflictError` when it is not the stored one. */
  async #kept({ _id: id, _rev: rev }: StoredDocument): Promise<Attachments | undefined> {
    if (rev === undefined) return undefined;
    const known = this.#stubs.get(keyOf(id, rev));
    if (known !== undefined) return known;
    const found = await this.#database.get<EntityDocument>(id).catch(asStoreError(id));
    if (found?._rev !== rev) throw new ConflictError(id);
    return this.#split(found).attachments;
  }

  #split(found: EntityDocument): { document: StoredDocument; attachments: Attachments } {
    const { _attachments: attachments = {}, ...document } = found;
    if (document._rev !== undefined) this.#stubs.set(keyOf(document._id, document._rev), attachments);
    return { document, attachments };
  }
}

function keyOf(id: string, rev: string): string {
  return `${id}@${rev}`;
}

function revisionOf(id: string, rev: string, name: string): string {
  return `${keyOf(id, rev)}/${name}`;
}

function fresh(attachment: Attachment | undefined): Attachments | undefined {
  if (attachment === undefined) return undefined;
  return { [attachment.name]: { content_type: attachment.contentType, data: attachment.data.toString('base64') } };
}

function range(type: string, namespace: string | undefined): { view: string; key: readonly unknown[] } {
  return namespace === undefined ? { view: OF_TYPE, key: [type] } : { view: IN_NAMESPACE, key: [type, namespace] };
}
