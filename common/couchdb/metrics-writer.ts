import { randomUUID } from 'node:crypto';
import { systemClock } from '../clock.js';
import type { CouchClient } from './couch-client.js';
import { samplesOf } from './metrics-text.js';
import { prepareDatabase } from './prepare-database.js';

export interface MetricsWriterOptions {
  readonly client: CouchClient;
  /** Name of the database. */
  readonly database: string;
  /** The kind of this process: `standalone`, `plugin`, `shim`. */
  readonly component: string;
  /** Name of the machine. */
  readonly host: string;
  /** The counters as Prometheus' text. */
  readonly collect: () => Promise<string>;
  /** Time between two documents, in milliseconds. */
  readonly intervalMs: number;
  /** Age at which documents are removed, in milliseconds; every writer removes those of all writers. */
  readonly keepMs: number;
  /** Called with the first failure after a success. */
  readonly onError: (error: unknown) => void;
  readonly now?: () => number;
}

/** A document; `_id` begins with the time in ISO 8601, so that documents are in order of time. */
export interface MetricsDocument {
  readonly _id: string;
  readonly component: string;
  readonly host: string;
  readonly pid: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** By name and labels, as Prometheus writes them. */
  readonly metrics: Readonly<Record<string, number>>;
  /** The number of samples that did not fit; missing when all did. */
  readonly left?: number;
}

const MOST_SAMPLES = 5_000;
/** Documents that one round removes: more than all writers write in the meantime. */
const REMOVED_AT_ONCE = 500;
const SCHEMA = { version: 1, designs: {} } as const;

/**
 * Writes the metrics of this process to CouchDB at an interval, for evaluation there. A document that cannot be written is
 * dropped: it is neither queued nor retried, and disturbs no other part of the process.
 */
export class MetricsWriter {
  readonly #stop = new AbortController();
  readonly #now: () => number;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #prepared = false;
  #failing = false;

  readonly #options: MetricsWriterOptions;

  constructor(options: MetricsWriterOptions) {
    this.#options = options;

    this.#now = options.now ?? (() => systemClock.wall());
    this.#wait();
  }

  /** The client stays open. */
  async close(): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#timer);
    await this.#running;
  }

  #wait(): void {
    this.#timer = setTimeout(() => {
      this.#running = this.#round();
    }, this.#options.intervalMs);
    this.#timer.unref();
  }

  async #round(): Promise<void> {
    try {
      await this.#write();
      this.#failing = false;
    } catch (error) {
      if (!this.#failing && !this.#stop.signal.aborted) this.#options.onError(error);
      this.#failing = true;
      // The database may have been deleted.
      this.#prepared = false;
    }
    if (!this.#stop.signal.aborted) this.#wait();
  }

  async #write(): Promise<void> {
    const { client, database, component, host, collect, keepMs } = this.#options;
    if (!this.#prepared) await prepareDatabase(client, database, SCHEMA);
    this.#prepared = true;
    const at = this.#now();
    const { samples: metrics, left } = samplesOf(await collect(), MOST_SAMPLES);
    const document: MetricsDocument = {
      _id: `${new Date(at).toISOString()}-${component}-${randomUUID()}`,
      component,
      host,
      pid: process.pid,
      at,
      metrics,
      ...(left === 0 ? {} : { left }),
    };
    const common = { retries: 0, signal: this.#stop.signal };
    await client.request({ method: 'PUT', path: [database, document._id], body: document, ...common });
    const { rows } = await client.request<{ rows: readonly { id: string; value: { rev: string } }[] }>({
      method: 'GET',
      path: [database, '_all_docs'],
      query: { endkey: new Date(at - keepMs).toISOString(), limit: REMOVED_AT_ONCE },
      ...common,
    });
    if (rows.length === 0) return;
    const docs = rows.map(({ id, value: { rev } }) => ({ _id: id, _rev: rev, _deleted: true }));
    // Another writer may have removed some of them: those are conflicts in the answer, and need no action.
    await client.request({ method: 'POST', path: [database, '_bulk_docs'], body: { docs }, ...common });
  }
}
