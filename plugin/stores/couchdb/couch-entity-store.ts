import {
  ChangesFeed,
  type CouchAttachment,
  type CouchClient,
  CouchDatabase,
  type CouchDocument,
  prepareDatabase,
} from '@dataflower/common/couchdb';
import { LRUCache } from 'lru-cache';
import {
  type Attachment,
  type ChangeListener,
  ConflictError,
  type EntityStore,
  type ListQuery,
  type Release,
  type StoredDocument,
} from '../entity-store.js';
import { once } from '../once.js';
import { AttachmentSpool, type AttachmentSpoolOptions } from './attachment-spool.js';
import { ENTITY_SCHEMA, IN_NAMESPACE, LAST, LISTS, OF_TYPE } from './entity-views.js';
import { asStoreError } from './store-errors.js';

type Attachments = Readonly<Record<string, CouchAttachment>>;
type EntityDocument = StoredDocument & CouchDocument;

export interface CouchEntityStoreOptions {
  readonly client: CouchClient;
  /** Name of the database. */
  readonly database: string;
  /** For the copies of attachments that are held. Default: those of the spool. */
  readonly spool?: AttachmentSpoolOptions;
  /** How long what others have in memory may be used while no changes are heard, in milliseconds. */
  readonly maxStaleMs: number;
  /** How long CouchDB holds the question for changes, in milliseconds. */
  readonly pollMs?: number;
  /** CouchDB cannot be used, and why; undefined: it can again. */
  readonly onProblem?: (reason: string | undefined) => void;
  /** Hears how many nodes of a cluster keep each document, when they are several. */
  readonly onCopies?: (copies: number) => void;
}

/** Documents whose attachments' names are remembered, so that a write that keeps them need not ask. */
const KNOWN_STUBS = 10_000;

/** Makes the database ready and opens it. The client stays the caller's. */
export async function openCouchEntityStore(options: CouchEntityStoreOptions): Promise<EntityStore> {
  const { client, database, maxStaleMs, pollMs, onProblem, onCopies } = options;
  const prepare = (): ReturnType<typeof prepareDatabase> => prepareDatabase(client, database, ENTITY_SCHEMA);
  const prepared = await prepare();
  if (prepared.copies > 1) onCopies?.(prepared.copies);
  let listener: ChangeListener | undefined;
  const feed = new ChangesFeed(
    {
      client,
      database,
      prepare,
      onChange: ({ id, changes: [{ rev }] }) => listener?.changed(id, rev),
      onReset: () => listener?.reset(),
      onSilence: () => listener?.reset(),
      maxSilenceMs: maxStaleMs,
      ...(pollMs === undefined ? {} : { pollMs }),
      ...(onProblem === undefined ? {} : { onProblem }),
    },
    prepared,
  );
  const spool = new AttachmentSpool(options.spool);
  return new CouchEntityStore(new CouchDatabase(client, database), feed, spool, (heard) => (listener = heard));
}

/** Entities in a CouchDB, which several processes write. */
class CouchEntityStore implements EntityStore {
  /** By id and revision. */
  readonly #stubs = new LRUCache<string, Attachments>({ max: KNOWN_STUBS });
  /** Places in the spool of the attachments that are held, by revision. */
  readonly #held = new Map<string, { readonly key: string; holds: number }>();

  readonly #database: CouchDatabase;
  readonly #feed: ChangesFeed<unknown>;
  readonly #spool: AttachmentSpool;

  constructor(
    database: CouchDatabase,
    feed: ChangesFeed<unknown>,
    spool: AttachmentSpool,
    readonly watch: (listener: ChangeListener) => void,
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

  /** One request; one more when an attachment is kept of which this process knows nothing. */
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

  /** One request for the ids, and one a document. */
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

  /** From the local disk when it is held or was of late; else one request. */
  async attachment(id: string, rev: string, name: string): Promise<Buffer | undefined> {
    return (await this.#spool.read(this.#keyOf(id, rev, name))) ?? this.#fetch(id, rev, name);
  }

  /**
   * CouchDB keeps an old revision until it is compacted, and any process may write a new one: what is held is copied.
   * One request where no copy is left.
   */
  hold(id: string, rev: string, name: string): Release | Promise<Release | undefined> {
    const revision = revisionOf(id, rev, name);
    // Before it is fetched: what is known of the revision may be another thing then.
    const held = this.#held.get(revision) ?? { key: this.#keyOf(id, rev, name), holds: 0 };
    this.#held.set(revision, held);
    held.holds++;
    const leave = (): undefined => {
      if (--held.holds === 0) this.#held.delete(revision);
    };
    const kept = (release: Release): Release =>
      once(() => {
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

  /** Revisions that have the same attachment share its copy. The digest is MD5: what two actions have is never taken for the same. */
  #keyOf(id: string, rev: string, name: string): string {
    const revision = revisionOf(id, rev, name);
    const held = this.#held.get(revision);
    if (held !== undefined) return held.key;
    const stub = this.#stubs.get(keyOf(id, rev))?.[name];
    return stub !== undefined && 'digest' in stub ? `${id}/${name} ${stub.digest}` : revision;
  }

  /** What is there stays when it is named; naming what has gone is a lost race. */
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
