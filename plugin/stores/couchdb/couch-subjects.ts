import { z } from 'zod';
import {
  type Change,
  ChangesFeed,
  type CouchClient,
  CouchDatabase,
  type CouchDocument,
  type DatabaseSchema,
  prepareDatabase,
  type PreparedDatabase,
} from '@dataflower/common/couchdb';
import type { Subject, SubjectStore } from '../../auth/subject-store.js';
import { asStoreError } from './store-errors.js';

/** No views: subjects are read by id, or all of them. */
const SUBJECT_SCHEMA: DatabaseSchema = { version: 1, designs: {} };

/**
 * A subject in OpenWhisk's format: administration tools of both systems work on it. Documents of another form, such as
 * limits, are ignored.
 */
const document = z.object({
  _id: z.string(),
  subject: z.string(),
  blocked: z.boolean().optional(),
  namespaces: z.array(z.object({ name: z.string(), uuid: z.string(), key: z.string() })),
});

type Told = (subject: Subject) => void;

export interface CouchSubjectsOptions {
  readonly client: CouchClient;
  /** Name of the database. */
  readonly database: string;
  /** Duration of one long poll for changes, in ms. */
  readonly pollMs?: number;
  /** Close the client with the store. */
  readonly ownsClient?: boolean;
}

const PAGE = 500;

/**
 * Subjects in a database of their own that several processes write. A new or blocked key is known to all of them within a
 * round trip. While CouchDB cannot be reached, the known keys stay valid.
 */
export class CouchSubjects implements SubjectStore {
  readonly #database: CouchDatabase;
  #feed: ChangesFeed<CouchDocument> | undefined;
  readonly #known = new Set<string>();

  readonly #options: CouchSubjectsOptions;

  constructor(options: CouchSubjectsOptions) {
    this.#options = options;

    this.#database = new CouchDatabase(options.client, options.database);
  }

  async open(told: Told): Promise<void> {
    const { client, database, pollMs } = this.#options;
    const prepare = (): Promise<PreparedDatabase> => prepareDatabase(client, database, SUBJECT_SCHEMA);
    const prepared = await prepare().catch(asStoreError(database));
    await this.#readAll(told).catch(asStoreError(database));
    this.#feed = new ChangesFeed<CouchDocument>(
      {
        client,
        database,
        prepare,
        includeDocs: true,
        onChange: (change) => this.#changed(change, told),
        onReset: () => this.#readAll(told),
        ...(pollMs === undefined ? {} : { pollMs }),
      },
      prepared,
    );
  }

  async get(name: string): Promise<Subject | undefined> {
    const found = await this.#database.get(name).catch(asStoreError(name));
    return found === undefined ? undefined : subjectOf(found);
  }

  async add({ name, callers }: Subject): Promise<boolean> {
    const namespaces = callers.map(({ namespace, uuid, key }) => ({ name: namespace, uuid, key }));
    const added: CouchDocument & z.infer<typeof document> = { _id: name, subject: name, namespaces };
    return (await this.#database.put(added).catch(asStoreError(name))) !== undefined;
  }

  health(): string | undefined {
    return this.#options.client.problem() ?? this.#feed?.problem();
  }

  async close(): Promise<void> {
    await this.#feed?.close();
    if (this.#options.ownsClient === true) await this.#options.client.close();
  }

  /** Reports all subjects, and those that have been deleted. */
  async #readAll(told: Told): Promise<void> {
    const gone = new Set(this.#known);
    for await (const documents of this.#database.pages(PAGE)) {
      for (const found of documents) {
        const subject = subjectOf(found);
        if (subject === undefined) continue;
        gone.delete(subject.name);
        this.#tell(subject, told);
      }
    }
    for (const name of gone) this.#tell({ name, callers: [] }, told);
  }

  #changed({ id, deleted, doc }: Change<CouchDocument>, told: Told): void {
    const subject = deleted === true || !doc ? undefined : subjectOf(doc);
    if (subject !== undefined) this.#tell(subject, told);
    else if (this.#known.has(id)) this.#tell({ name: id, callers: [] }, told);
  }

  #tell(subject: Subject, told: Told): void {
    if (subject.callers.length === 0) this.#known.delete(subject.name);
    else this.#known.add(subject.name);
    told(subject);
  }
}

/** The document's id is the name; OpenWhisk writes it into `subject` too. */
function subjectOf(found: CouchDocument): Subject | undefined {
  const read = document.safeParse(found);
  if (!read.success) return undefined;
  const { _id: name, namespaces, blocked } = read.data;
  const callers = namespaces.map(({ name: namespace, uuid, key }) => ({ namespace, subject: name, uuid, key }));
  return { name, callers: blocked === true ? [] : callers };
}
