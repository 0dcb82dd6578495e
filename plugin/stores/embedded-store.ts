import { openPouch, type PouchDatabase } from './durable-leveldb.js';
import {
  type Attachment,
  ConflictError,
  type EntityStore,
  type ListQuery,
  type StoredDocument,
} from './entity-store.js';

type Stubs = Record<string, { stub: true; content_type: string; digest: string; length: number }>;
type PouchDocument = StoredDocument & { _attachments?: Stubs };

/** What a listing needs of each document; the documents themselves stay on disk. */
interface Entry {
  readonly id: string;
  readonly type: string;
  readonly namespace: string;
  readonly updated: number;
}

/** Documents that are read at once when the index is made; each may have two MiB of parameters and annotations. */
const PAGE = 50;

/** The document is gone, another revision is there, or the attachment that was to be kept went with its revision. */
const LOST_RACE: ReadonlySet<number> = new Set([404, 409, 412]);

/** Opens the store in a directory; one process at a time. Throws leveldb's error when that cannot be. */
export async function openEmbeddedStore(directory: string): Promise<EntityStore> {
  const db = openPouch<StoredDocument>(directory);
  const entries = new Map<string, Entry>();
  for await (const document of allDocuments(db)) entries.set(document._id, entryOf(document));
  return new EmbeddedStore(db, entries);
}

/** Page by page: all of them at once may be more than memory holds. */
async function* allDocuments(db: PouchDatabase<StoredDocument>): AsyncGenerator<StoredDocument> {
  for (let last: string | undefined; ;) {
    const from = last === undefined ? {} : { startkey: last, skip: 1 };
    const { rows } = await db.allDocs({ include_docs: true, limit: PAGE, ...from });
    for (const { doc } of rows) if (doc !== undefined) yield doc;
    if (rows.length < PAGE) return;
    last = rows[rows.length - 1]!.id;
  }
}

/** Entities in a PouchDB on disk; an index in memory answers the listings, since this process is the only writer. */
class EmbeddedStore implements EntityStore {
  constructor(
    private readonly db: PouchDatabase<StoredDocument>,
    private readonly entries: Map<string, Entry>,
  ) {}

  async get(id: string): Promise<StoredDocument | undefined> {
    const stored = await this.read(id);
    if (stored === undefined) return undefined;
    const document: Partial<PouchDocument> = { ...stored };
    delete document._attachments;
    return document as StoredDocument;
  }

  async put(document: StoredDocument, attachment?: Attachment | 'keep'): Promise<string> {
    const attachments = attachment === 'keep' ? await this.stubs(document._id) : fresh(attachment);
    const rev = await this.write(document._id, () =>
      this.db.put({ ...document, ...(attachments === undefined ? {} : { _attachments: attachments }) }),
    );
    this.entries.set(document._id, entryOf(document));
    return rev;
  }

  async delete(id: string, rev: string): Promise<void> {
    await this.write(id, () => this.db.remove(id, rev));
    this.entries.delete(id);
  }

  async list(query: ListQuery): Promise<StoredDocument[]> {
    const page = this.select(query).slice(query.skip, query.skip + query.limit);
    const documents = await Promise.all(page.map((entry) => this.get(entry.id)));
    return documents.filter((document) => document !== undefined);
  }

  async *each(query: ListQuery): AsyncGenerator<StoredDocument> {
    for (const { id } of this.select(query).slice(query.skip, query.skip + query.limit)) {
      const document = await this.get(id);
      if (document !== undefined) yield document;
    }
  }

  count(query: Omit<ListQuery, 'limit'>): Promise<number> {
    return Promise.resolve(Math.max(0, this.select(query).length - query.skip));
  }

  async attachment(id: string, rev: string, name: string): Promise<Buffer | undefined> {
    try {
      return await this.db.getAttachment(id, name, { rev });
    } catch (cause) {
      if (statusOf(cause) === 404) return undefined;
      throw cause;
    }
  }

  health(): undefined {
    return undefined;
  }

  close(): Promise<void> {
    return this.db.close();
  }

  private async read(id: string): Promise<PouchDocument | undefined> {
    try {
      return await this.db.get(id);
    } catch (cause) {
      if (statusOf(cause) === 404) return undefined;
      throw cause;
    }
  }

  private async stubs(id: string): Promise<Stubs | undefined> {
    return (await this.read(id))?._attachments;
  }

  private async write(id: string, operation: () => Promise<{ readonly rev: string }>): Promise<string> {
    try {
      return (await operation()).rev;
    } catch (cause) {
      const status = statusOf(cause);
      if (status !== undefined && LOST_RACE.has(status)) throw new ConflictError(id, { cause });
      throw cause;
    }
  }

  private select(query: Omit<ListQuery, 'limit'>): Entry[] {
    const chosen = [...this.entries.values()].filter(
      (entry) => entry.type === query.type && (query.namespace === undefined || entry.namespace === query.namespace),
    );
    return chosen.sort((a, b) => b.updated - a.updated || (a.id < b.id ? -1 : 1));
  }
}

function entryOf(document: StoredDocument): Entry {
  return { id: document._id, type: document.entityType, namespace: document.namespace, updated: document.updated };
}

function fresh(attachment: Attachment | undefined): Record<string, unknown> | undefined {
  if (attachment === undefined) return undefined;
  return { [attachment.name]: { content_type: attachment.contentType, data: attachment.data } };
}

function statusOf(error: unknown): number | undefined {
  return (error as { status?: number }).status;
}
