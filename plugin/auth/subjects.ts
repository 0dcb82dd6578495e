import { type Caller, newKey } from './identity.js';
import type { Subject, SubjectStore } from './subject-store.js';

/** The subjects and their keys, all in memory: who calls is known without asking the store, and while it is away. */
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

  /** With the key of its own namespace, or of its first. */
  named(name: string): Caller | undefined {
    const callers = this.#byName.get(name);
    return callers?.find((caller) => caller.namespace === name) ?? callers?.[0];
  }

  /** By name; a subject with several namespaces has a line for each. */
  list(): Caller[] {
    return [...this.#byUuid.values(), ...this.#lent.values()].sort((a, b) => (a.subject < b.subject ? -1 : 1));
  }

  /** Makes a subject with a new key, and its namespace; undefined when the name is taken: then it is known from now on. */
  async add(name: string): Promise<Caller | undefined> {
    const caller: Caller = { namespace: name, subject: name, ...newKey() };
    const subject: Subject = { name, callers: [caller] };
    const added = await this.#store.add(subject);
    const stored = added ? subject : await this.#store.get(name);
    if (stored !== undefined) this.#remember(stored);
    return added ? caller : undefined;
  }

  /** A key that holds for the life of this process only. */
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
