import { systemClock } from '@dataflower/common';
import { ConflictError, type EntityStore, type StoredDocument } from '../stores/entity-store.js';
import type { Caller } from './identity.js';

/** A subject with the keys of its namespaces; without any it is blocked, or gone. */
export interface Subject {
  readonly name: string;
  readonly callers: readonly Caller[];
}

/** Where subjects are kept. Every write is durable when its promise resolves; `StoreUnavailableError` when it cannot be. */
export interface SubjectStore {
  /** Every subject, and from then on each one that anybody changes, until `close`. Called once. */
  open(told: (subject: Subject) => void): Promise<void>;
  get(name: string): Promise<Subject | undefined>;
  /** False when the name is taken. */
  add(subject: Subject): Promise<boolean>;
  /** Why the store cannot be used now, for operators; undefined: it can. */
  health(): string | undefined;
  close(): Promise<void>;
}

/** Kept in the same store as the entities, under its bare name. */
interface SubjectDocument extends StoredDocument {
  readonly entityType: 'subject';
  readonly subject: string;
  readonly uuid: string;
  readonly key: string;
}

const TYPE = 'subject';
const MOST = 1_000_000;

/** Subjects among the entities of a store that this process alone writes; each has one namespace, of its name. */
export class EntitySubjects implements SubjectStore {
  readonly #store: EntityStore;

  constructor(store: EntityStore) {
    this.#store = store;
  }

  async open(told: (subject: Subject) => void): Promise<void> {
    const documents = (await this.#store.list({ type: TYPE, skip: 0, limit: MOST })) as SubjectDocument[];
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

  /** The store is its owner's to close. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}

function subjectOf({ subject, namespace, uuid, key }: SubjectDocument): Subject {
  return { name: subject, callers: [{ namespace, subject, uuid, key }] };
}
