import { systemClock } from '@dataflower/common';
import type { Subject, SubjectStore } from '../auth/subject-store.js';
import { ConflictError, type EntityStore, type StoredDocument } from './entity-store.js';

/** A subject in the same store as the entities, under its bare name. */
interface SubjectDocument extends StoredDocument {
  readonly entityType: 'subject';
  readonly subject: string;
  readonly uuid: string;
  readonly key: string;
}

const TYPE = 'subject';
const MAX_SUBJECTS = 1_000_000;

/** Subjects in an entity store that only this process writes. Each subject has one namespace, of its own name. */
export class EntitySubjects implements SubjectStore {
  readonly #store: EntityStore;

  constructor(store: EntityStore) {
    this.#store = store;
  }

  async open(told: (subject: Subject) => void): Promise<void> {
    const documents = (await this.#store.list({ type: TYPE, skip: 0, limit: MAX_SUBJECTS })) as SubjectDocument[];
    for (const document of documents) told(subjectOf(document));
  }

  async get(name: string): Promise<Subject | undefined> {
    const document = await this.#store.get(name);
    return document?.entityType === TYPE ? subjectOf(document as SubjectDocument) : undefined;
  }

  async add({ name, callers }: Subject): Promise<boolean> {
    const { uuid, key } = callers[0]!;
    const document: SubjectDocument = {
      _id: name,
      entityType: TYPE,
      namespace: name,
      name,
      subject: name,
      updated: systemClock.wall(),
      uuid,
      key,
    };
    try {
      await this.#store.put(document);
      return true;
    } catch (error) {
      if (error instanceof ConflictError) return false;
      throw error;
    }
  }

  health(): string | undefined {
    return this.#store.health();
  }

  /** The entity store stays open: its owner closes it. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}

function subjectOf({ subject, namespace, uuid, key }: SubjectDocument): Subject {
  return { name: subject, callers: [{ namespace, subject, uuid, key }] };
}
