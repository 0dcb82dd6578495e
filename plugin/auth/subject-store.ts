import type { Caller } from './identity.js';

/** A subject with the keys of its namespaces. A subject without any is blocked, or deleted. */
export interface Subject {
  readonly name: string;
  readonly callers: readonly Caller[];
}

/**
 * Where subjects are kept. A write is durable when its promise resolves. Reads and writes reject with
 * `StoreUnavailableError` while the store cannot be used.
 */
export interface SubjectStore {
  /** Calls `told` for every subject, and then for each one that any process changes, until `close`. Called once. */
  open(told: (subject: Subject) => void): Promise<void>;
  get(name: string): Promise<Subject | undefined>;
  /** False when the name is taken. */
  add(subject: Subject): Promise<boolean>;
  /** Why the store cannot be used now, for operators; undefined: it can. */
  health(): string | undefined;
  close(): Promise<void>;
}
