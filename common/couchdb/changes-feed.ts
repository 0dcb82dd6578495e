import { systemClock } from '../clock.js';
import type { CouchClient } from './couch-client.js';
import { CouchDatabase } from './couch-database.js';
import { incarnationOf, MARKER_ID, type PreparedDatabase } from './prepare-database.js';

export interface Change<T = unknown> {
  readonly id: string;
  readonly changes: readonly [{ readonly rev: string }, ...unknown[]];
  readonly deleted?: true;
  /** With `includeDocs`; null for a deleted document. */
  readonly doc?: T | null;
}

export interface ChangesFeedOptions<T> {
  readonly client: CouchClient;
  readonly database: string;
  /** Prepares the database again after CouchDB was unavailable; it may be a new one then. */
  readonly prepare: () => Promise<PreparedDatabase>;
  readonly includeDocs?: boolean;
  readonly onChange: (change: Change<T>) => void;
  /** The database was deleted and created again: state about the old one is invalid. Called again when it fails. */
  readonly onReset: () => void | Promise<void>;
  /** CouchDB did not answer for `maxSilenceMs`; called again after each further such time. */
  readonly onSilence?: () => void;
  /** The feed fails, with the reason; undefined: it works again. */
  readonly onProblem?: (reason: string | undefined) => void;
  /** Time for which CouchDB holds a request without changes, in milliseconds. Default 20 000. */
  readonly pollMs?: number;
  /** In milliseconds. Default: never. */
  readonly maxSilenceMs?: number;
  readonly now?: () => number;
}

interface Page<T> {
  readonly results: readonly Change<T>[];
  readonly last_seq: string | number;
}

const POLL_MS = 20_000;
const PAGE = 500;
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 2_000;
/** Shortest time between two empty answers, for a server that does not hold them for `pollMs`. */
const SHORTEST_EMPTY_MS = 500;

/**
 * Every change of a database, in order, by long polling. While CouchDB is unavailable the feed asks again at least every
 * two seconds, and continues where it was: it misses no change. It reports a change within one round trip; on a connection
 * that died silently, after `pollMs` and the client's `timeoutMs`.
 */
export class ChangesFeed<T> {
  readonly #finished: Promise<void>;
  readonly #stop = new AbortController();
  readonly #now: () => number;
  #since: string | number;
  #heardAt: number;
  #trouble: string | undefined;

  readonly #options: ChangesFeedOptions<T>;
  #prepared: PreparedDatabase;

  constructor(options: ChangesFeedOptions<T>, prepared: PreparedDatabase) {
    this.#options = options;
    this.#prepared = prepared;

    this.#now = options.now ?? (() => systemClock.now());
    this.#since = prepared.sequence;
    this.#heardAt = this.#now();
    this.#finished = this.#run();
  }

  /** The reason why the feed fails; undefined while it works. */
  problem(): string | undefined {
    return this.#trouble;
  }

  /** Does not close the client. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#finished;
  }

  async #run(): Promise<void> {
    let pause = FIRST_PAUSE_MS;
    while (!this.#stop.signal.aborted) {
      try {
        if (this.#trouble !== undefined) await this.#resume();
        await this.#poll();
        pause = FIRST_PAUSE_MS;
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        if (this.#trouble === undefined) this.#options.onProblem?.((error as Error).message);
        this.#trouble = (error as Error).message;
        this.#silence();
        await this.#sleep(pause);
        pause = Math.min(2 * pause, MAX_PAUSE_MS);
      }
    }
  }

  async #poll(): Promise<void> {
    const { client, pollMs = POLL_MS, onChange } = this.#options;
    const asked = performance.now();
    // A proxy may drop requests that are held for long: then ask without waiting.
    const page = await this.#ask('longpoll', pollMs + client.timeoutMs).catch(() =>
      this.#ask('normal', client.timeoutMs),
    );
    this.#heardAt = this.#now();
    for (const change of page.results) onChange(change);
    this.#since = page.last_seq;
    if (page.results.length === 0 || page.results.some(({ id }) => id === MARKER_ID)) await this.#recognize();
    const short = SHORTEST_EMPTY_MS - (performance.now() - asked);
    if (page.results.length === 0 && short > 0) await this.#sleep(short);
  }

  #ask(feed: 'longpoll' | 'normal', timeoutMs: number): Promise<Page<T>> {
    const { client, database, includeDocs = false, pollMs = POLL_MS } = this.#options;
    return client.request<Page<T>>({
      method: 'GET',
      path: [database, '_changes'],
      query: { feed, since: this.#since, limit: PAGE, timeout: pollMs, include_docs: includeDocs },
      timeoutMs,
      retries: 0,
      signal: this.#stop.signal,
    });
  }

  /** The database may have been deleted and created again between two requests, or during one. */
  async #recognize(): Promise<void> {
    const { client, database } = this.#options;
    const incarnation = await incarnationOf(new CouchDatabase(client, database));
    if (incarnation !== this.#prepared.incarnation) await this.#resume();
  }

  async #resume(): Promise<void> {
    const prepared = await this.#options.prepare();
    if (prepared.incarnation !== this.#prepared.incarnation) {
      await this.#options.onReset();
      this.#prepared = prepared;
      this.#since = prepared.sequence;
    }
    if (this.#trouble !== undefined) this.#options.onProblem?.(undefined);
    this.#trouble = undefined;
  }

  #silence(): void {
    const { maxSilenceMs = Infinity, onSilence } = this.#options;
    if (this.#now() - this.#heardAt < maxSilenceMs) return;
    this.#heardAt = this.#now();
    onSilence?.();
  }

  #sleep(ms: number): Promise<void> {
    const { signal } = this.#stop;
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener('abort', end);
    });
  }
}
