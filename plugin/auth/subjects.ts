import { type Caller, newKey, WELL_KNOWN_KEY } from './identity.js';
import type { Subject, SubjectStore } from './subject-store.js';

/** All subjects and their keys, in memory: a caller is found without the store, also while the store cannot be reached. */
export class Subjects {
  readonly #byUuid = new Map<string, Caller>();
  readonly #byName = new Map<string, readonly Caller[]>();
  readonly #lent = new Map<string, Caller>();

  readonly #store: SubjectStore;

  private constructor(store: SubjectStore) {
    this.#store = store;
  }

  static async open(store: SubjectStore): Promise<Subjects> {
    const subjects = new Subjects(store);
    await store.open((subject) => subjects.#remember(subject));
    return subjects;
  }

  find(uuid: string): Caller | undefined {
    return this.#byUuid.get(uuid) ?? this.#lent.get(uuid);
  }

  /** The subject's caller of the namespace of the same name, or of its first namespace. */
  named(name: string): Caller | undefined {
    const callers = this.#byName.get(name);
    return callers?.find((caller) => caller.namespace === name) ?? callers?.[0];
  }

  /** Every caller, sorted by the subject's name; a subject has one for each of its namespaces. */
  list(): Caller[] {
    return [...this.#byUuid.values(), ...this.#lent.values()].sort((a, b) => (a.subject < b.subject ? -1 : 1));
  }

  /**
   * Makes a subject with a namespace of its name and a new key. Undefined when the name is taken; the stored subject is
   * then in memory too.
   */
  async add(name: string): Promise<Caller | undefined> {
    const caller: Caller = { namespace: name, subject: name, ...newKey() };
    const subject: Subject = { name, callers: [caller] };
    const added = await this.#store.add(subject);
    const stored = added ? subject : await this.#store.get(name);
    if (stored !== undefined) this.#remember(stored);
    return added ? caller : undefined;
  }

  /** Adds a key that this process accepts until it ends, and that is not stored. */
  lend(name: string, key: { readonly uuid: string; readonly key: string }): Caller {
    const caller: Caller = { namespace: name, subject: name, ...key };
    this.#lent.set(key.uuid, caller);
    return caller;
  }

  #remember({ name, callers }: Subject): void {
    for (const { uuid } of this.#byName.get(name) ?? []) {
      if (this.#byUuid.get(uuid)?.subject === name) this.#byUuid.delete(uuid);
    }
    if (callers.length === 0) this.#byName.delete(name);
    else this.#byName.set(name, callers);
    for (const caller of callers) this.#byUuid.set(caller.uuid, caller);
  }
}

export const GUEST = 'guest';

/**
 * The caller of the first namespace: its key is made at the first start and kept (DV-14). Several processes may start at
 * once: one of them makes it. Rejects with `StoreUnavailableError` when the key cannot be kept.
 */
export async function guestOf(subjects: Subjects, wellKnownKey: boolean): Promise<Caller> {
  const guest = subjects.named(GUEST) ?? (await subjects.add(GUEST)) ?? subjects.named(GUEST);
  if (wellKnownKey) return subjects.lend(GUEST, WELL_KNOWN_KEY);
  if (guest === undefined) throw new Error('The namespace guest could not be made.');
  return guest;
}
