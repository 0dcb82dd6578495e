import { ConflictError, type EntityStore, type StoredDocument } from '../stores/entity-store.js';
import { type Caller, newKey } from './identity.js';

/** A subject owns the namespace of its name. Kept in the same store as the entities, under its bare name. */
interface SubjectDocument extends StoredDocument {
  readonly entityType: 'subject';
  readonly subject: string;
  readonly uuid: string;
  readonly key: string;
}

const TYPE = 'subject';
const MOST = 1_000_000;

/** The subjects and their keys. */
export class Subjects {
  private readonly byUuid = new Map<string, Caller>();

  private constructor(private readonly store: EntityStore) {}

  static async open(store: EntityStore): Promise<Subjects> {
    const subjects = new Subjects(store);
    const documents = (await store.list({ type: TYPE, skip: 0, limit: MOST })) as SubjectDocument[];
    for (const document of documents) subjects.remember(document);
    return subjects;
  }

  find(uuid: string): Caller | undefined {
    return this.byUuid.get(uuid);
  }

  named(name: string): Caller | undefined {
    return this.list().find((caller) => caller.subject === name);
  }

  /** By name. */
  list(): Caller[] {
    return [...this.byUuid.values()].sort((a, b) => (a.subject < b.subject ? -1 : 1));
  }

  /** Makes a subject with a new key, and its namespace; undefined when the name is taken. */
  async add(name: string): Promise<Caller | undefined> {
    const document: SubjectDocument = {
      _id: name,
      entityType: TYPE,
      namespace: name,
      name,
      subject: name,
      updated: Date.now(),
      ...newKey(),
    };
    try {
      await this.store.put(document);
    } catch (cause) {
      if (cause instanceof ConflictError) return undefined;
      throw cause;
    }
    return this.remember(document);
  }

  /** A key that holds for the life of this process only. */
  lend(name: string, key: { readonly uuid: string; readonly key: string }): Caller {
    return this.remember({ namespace: name, subject: name, ...key });
  }

  private remember({ namespace, subject, uuid, key }: Caller): Caller {
    const caller: Caller = { namespace, subject, uuid, key };
    this.byUuid.set(uuid, caller);
    return caller;
  }
}
