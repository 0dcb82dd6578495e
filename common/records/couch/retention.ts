import { type Clock, systemClock } from '../../clock.js';
import type { CouchClient } from '../../couchdb/index.js';
import { RECORDS_DESIGN } from './record-views.js';

export interface RetentionOptions {
  readonly client: CouchClient;
  readonly database: string;
  /** Age in milliseconds at which records are deleted. Undefined: no limit. */
  readonly maxAgeMs?: number | undefined;
  /** Number of records above which the oldest are deleted. Undefined: no limit. */
  readonly maxCount?: number | undefined;
  /** Time between two sweeps, in milliseconds. Default 10 minutes. */
  readonly everyMs?: number;
  readonly clock?: Clock;
  /** Called when a sweep fails; the next one continues. */
  readonly onProblem?: (message: string, cause: unknown) => void;
}

interface OldestAnswer {
  readonly rows: readonly { readonly id: string; readonly value: string }[];
}

const EVERY_MS = 600_000;
/** Documents deleted by one request. */
const STEP = 500;
/** Pause between two requests of one sweep, in milliseconds: at most about 2 500 deletions a second. */
const PAUSE_MS = 200;

/**
 * Deletes the oldest records from CouchDB by age and number. Any number of processes may do so at once: deleting a record
 * twice does nothing. Deletion leaves CouchDB's small stubs; CouchDB's own compaction frees the space.
 */
export class Retention {
  readonly #clock: Clock;
  #cancel: () => void;
  #running: Promise<void> = Promise.resolve();
  #closed = false;
  /** Records deleted since the start. */
  deleted = 0;

  readonly #options: RetentionOptions;

  constructor(options: RetentionOptions) {
    this.#options = options;

    this.#clock = options.clock ?? systemClock;
    this.#cancel = this.#later();
  }

  /** One sweep, until no record is too old or too many. Rejects with the client's errors. */
  async sweep(): Promise<void> {
    const { maxAgeMs, maxCount } = this.#options;
    if (maxAgeMs !== undefined) {
      const before = this.#clock.now() - maxAgeMs;
      await this.#deleteOldest(() => this.#oldest({ endkey: before, inclusive_end: 'false', limit: STEP }));
    }
    if (maxCount === undefined) return;
    let surplus = (await this.#count()) - maxCount;
    await this.#deleteOldest(async () => {
      if (surplus <= 0) return [];
      const rows = await this.#oldest({ limit: Math.min(STEP, surplus) });
      surplus -= rows.length;
      return rows;
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    await this.#running;
  }

  async #deleteOldest(next: () => Promise<OldestAnswer['rows']>): Promise<void> {
    while (!this.#closed) {
      const rows = await next();
      if (rows.length === 0) return;
      const docs = rows.map(({ id, value }) => ({ _id: id, _rev: value, _deleted: true }));
      const answers = await this.#options.client.request<readonly { readonly error?: string }[]>({
        method: 'POST',
        path: [this.#options.database, '_bulk_docs'],
        body: { docs },
      });
      const done = answers.filter(({ error }) => error === undefined).length;
      this.deleted += done;
      // Another process deletes them, or CouchDB refuses: the next sweep tries again.
      if (done === 0) return;
      await new Promise<void>((resolve) => this.#clock.after(PAUSE_MS, resolve));
    }
  }

  async #oldest(query: Readonly<Record<string, unknown>>): Promise<OldestAnswer['rows']> {
    return (await this.#view<OldestAnswer>({ reduce: 'false', ...query })).rows;
  }

  async #count(): Promise<number> {
    const { rows } = await this.#view<{ rows: readonly { value: number }[] }>({ reduce: 'true' });
    return rows[0]?.value ?? 0;
  }

  #view<T>(query: Readonly<Record<string, unknown>>): Promise<T> {
    const { client, database } = this.#options;
    return client.request<T>({
      method: 'GET',
      path: [database, '_design', RECORDS_DESIGN, '_view', 'by-start'],
      query,
    });
  }

  /** Random, so that processes that start together do not sweep together. */
  #later(): () => void {
    const everyMs = (this.#options.everyMs ?? EVERY_MS) * (0.75 + Math.random() / 2);
    return this.#clock.after(everyMs, () => {
      this.#running = this.sweep()
        .catch((cause: unknown) => {
          const reason = cause instanceof Error ? cause.message : String(cause);
          this.#options.onProblem?.(`Old records cannot be deleted from CouchDB: ${reason}`, cause);
        })
        .finally(() => {
          if (!this.#closed) this.#cancel = this.#later();
        });
    });
  }
}
