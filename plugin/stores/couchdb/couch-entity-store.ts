import {
  ChangesFeed,
  type CouchAttachment,
  type CouchClient,
  CouchDatabase,
  type CouchDocument,
  prepareDatabase,
} from '@dataflower/invoker-shim/couchdb';
import { LRUCache } from 'lru-cache';
import {
  type Attachment,
  type ChangeListener,
  ConflictError,
  type EntityStore,
  type ListQuery,
  type StoredDocument,
} from '../entity-store.js';
import { ENTITY_SCHEMA, IN_NAMESPACE, LAST, LISTS, OF_TYPE } from './entity-views.js';
import { asStoreError } from './store-errors.js';

type Attachments = Readonly<Record<string, CouchAttachment>>;
type EntityDocument = StoredDocument & CouchDocument;

export interface CouchEntityStoreOptions {
  readonly client: CouchClient;
  /** Name of the database. */
  readonly database: string;
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
  return new CouchEntityStore(new CouchDatabase(client, database), feed, (heard) => (listener = heard));
}

/** Entities in a CouchDB, which several processes write. */
class CouchEntityStore implements EntityStore {
  /** By id and revision. */
  private readonly stubs = new LRUCache<string, Attachments>({ max: KNOWN_STUBS });

  constructor(
    private readonly database: CouchDatabase,
    private readonly feed: ChangesFeed<unknown>,
    readonly watch: (listener: ChangeListener) => void,
  ) {}

  /** One request. */
  async get(id: string): Promise<StoredDocument | undefined> {
    const found = await this.database.get<EntityDocument>(id).catch(asStoreError(id));
    return found === undefined ? undefined : this.split(found).document;
  }

  /** One request; one more when an attachment is kept of which this process knows nothing. */
  async put(document: StoredDocument, attachment?: Attachment | 'keep'): Promise<string> {
    const { _id: id } = document;
    const attachments = attachment === 'keep' ? await this.kept(document) : fresh(attachment);
    const written: CouchDocument = attachments === undefined ? document : { ...document, _attachments: attachments };
    const rev = await this.database.put(written).catch(asStoreError(id));
    if (rev === undefined) throw new ConflictError(id);
    return rev;
  }

  async delete(id: string, rev: string): Promise<void> {
    if (!(await this.database.remove(id, rev).catch(asStoreError(id)))) throw new ConflictError(id);
  }

  async list({ type, namespace, skip, limit }: ListQuery): Promise<StoredDocument[]> {
    const { view, key } = range(type, namespace);
    const rows = await this.database
      .view<EntityDocument>(LISTS, view, {
        startkey: key,
        endkey: [...key, LAST],
        skip,
        limit,
        reduce: false,
        include_docs: true,
      })
      .catch(asStoreError(type));
    return rows.flatMap(({ doc }) => (doc ? [this.split(doc).document] : []));
  }

  /** One request for the ids, and one a document. */
  async *each({ type, namespace, skip, limit }: ListQuery): AsyncGenerator<StoredDocument> {
    const { view, key } = range(type, namespace);
    const query = { startkey: key, endkey: [...key, LAST], skip, limit, reduce: false };
    const rows = await this.database.view(LISTS, view, query).catch(asStoreError(type));
    for (const { id } of rows) {
      const document = await this.get(id);
      if (document !== undefined) yield document;
    }
  }

  async count({ type, namespace, skip }: Omit<ListQuery, 'limit'>): Promise<number> {
    const { view, key } = range(type, namespace);
    const rows = await this.database
      .view(LISTS, view, { startkey: key, endkey: [...key, LAST], reduce: true })
      .catch(asStoreError(type));
    return Math.max(0, Number(rows[0]?.value ?? 0) - skip);
  }

  async attachment(id: string, rev: string, name: string): Promise<Buffer | undefined> {
    const found = await this.database.get(id, { rev, attachments: true }).catch(asStoreError(id));
    const attached = found?._attachments?.[name];
    return attached === undefined || !('data' in attached) ? undefined : Buffer.from(attached.data, 'base64');
  }

  health(): string | undefined {
    return this.database.client.problem() ?? this.feed.problem();
  }

  close(): Promise<void> {
    return this.feed.close();
  }

  /** What is there stays when it is named; naming what has gone is a lost race. */
  private async kept({ _id: id, _rev: rev }: StoredDocument): Promise<Attachments | undefined> {
    if (rev === undefined) return undefined;
    const known = this.stubs.get(keyOf(id, rev));
    if (known !== undefined) return known;
    const found = await this.database.get<EntityDocument>(id).catch(asStoreError(id));
    if (found?._rev !== rev) throw new ConflictError(id);
    return this.split(found).attachments;
  }

  private split(found: EntityDocument): { document: StoredDocument; attachments: Attachments } {
    const { _attachments: attachments = {}, ...document } = found;
    if (document._rev !== undefined) this.stubs.set(keyOf(document._id, document._rev), attachments);
    return { document, attachments };
  }
}

function keyOf(id: string, rev: string): string {
  return `${id}@${rev}`;
}

function fresh(attachment: Attachment | undefined): Attachments | undefined {
  if (attachment === undefined) return undefined;
  return { [attachment.name]: { content_type: attachment.contentType, data: attachment.data.toString('base64') } };
}

function range(type: string, namespace: string | undefined): { view: string; key: readonly unknown[] } {
  return namespace === undefined ? { view: OF_TYPE, key: [type] } : { view: IN_NAMESPACE, key: [type, namespace] };
}
