import { type CouchClient, CouchRefusedError, CouchUnavailableError } from '../../couchdb/index.js';
import { RecordsUnavailableError } from '../record/errors.js';
import type { ActivationRecord, RecordFilter, RecordReader } from '../record/record.js';
import { RECORDS_DESIGN } from './record-views.js';
import type { ViewWarmer } from './view-warmer.js';

/** A document of OpenWhisk's activations database, written by this program or by OpenWhisk. */
interface ActivationDocument {
  readonly activationId: string;
  readonly namespace: string;
  readonly subject?: string;
  readonly name: string;
  readonly version?: string;
  readonly cause?: string;
  readonly start: number;
  readonly end?: number;
  readonly duration?: number;
  readonly annotations?: readonly { readonly key: string; readonly value: unknown }[];
  readonly response?: { readonly statusCode?: number; readonly size?: number; readonly result?: unknown };
  readonly logs?: readonly string[];
}

interface ViewAnswer<Value> {
  readonly rows: readonly { readonly id: string; readonly value: Value; readonly doc?: ActivationDocument | null }[];
}

/** Keys in one request that asks which records exist. */
const KEYS_AT_ONCE = 500;

/**
 * The records in CouchDB. Every method rejects with the client's errors while CouchDB cannot be used. Numbers in results
 * are JavaScript's: integers beyond 2^53 are rounded.
 */
export class CouchRecords implements RecordReader {
  readonly place = 'CouchDB';

  readonly #client: CouchClient;
  readonly #database: string;
  /** Creates the database and its views where they are missing. */
  readonly #prepare: () => Promise<void>;
  readonly #views: Pick<ViewWarmer, 'pending'>;

  constructor(client: CouchClient, database: string, prepare: () => Promise<void>, views: Pick<ViewWarmer, 'pending'>) {
    this.#client = client;
    this.#database = database;
    this.#prepare = prepare;
    this.#views = views;
  }

  async get(namespace: string, activationId: string): Promise<ActivationRecord | undefined> {
    try {
      const path = [this.#database, `${namespace}/${activationId}`];
      return recordOf(await this.#ask(isGone, () => this.#client.request<ActivationDocument>({ method: 'GET', path })));
    } catch (error) {
      if (error instanceof CouchRefusedError && error.status === 404) return undefined;
      throw error;
    }
  }

  async list(filter: RecordFilter, skip: number, limit: number, brief = false): Promise<ActivationRecord[]> {
    if (limit <= 0) return [];
    const { view, oldest, newest } = rangeOf(filter);
    const { rows } = await this.#view<ActivationDocument>(view, {
      reduce: 'false',
      descending: 'true',
      startkey: newest,
      endkey: oldest,
      skip,
      limit,
      ...(brief ? {} : { include_docs: 'true' }),
    });
    // A document may be deleted after the view was read and before the document is.
    return rows.map(({ value, doc }) => (brief ? value : doc)).flatMap((doc) => (doc ? [recordOf(doc)] : []));
  }

  async count(filter: RecordFilter, skip: number): Promise<number> {
    const { view, oldest, newest } = rangeOf(filter);
    const { rows } = await this.#view<number>(view, { reduce: 'true', startkey: oldest, endkey: newest });
    return Math.max(0, (rows[0]?.value ?? 0) - skip);
  }

  /** The number of these activations that have a record here. */
  async present(namespace: string, activationIds: readonly string[]): Promise<number> {
    let present = 0;
    for (let at = 0; at < activationIds.length; at += KEYS_AT_ONCE) {
      const keys = activationIds.slice(at, at + KEYS_AT_ONCE).map((id) => `${namespace}/${id}`);
      const { rows } = await this.#ask(isGone, () =>
        this.#client.request<{ rows: readonly { readonly value?: { deleted?: boolean } }[] }>({
          method: 'POST',
          path: [this.#database, '_all_docs'],
          body: { keys },
          readOnly: true,
        }),
      );
      present += rows.filter(({ value }) => value !== undefined && value.deleted !== true).length;
    }
    return present;
  }

  #view<Value>(view: string, query: Readonly<Record<string, unknown>>): Promise<ViewAnswer<Value>> {
    const path = [this.#database, '_design', RECORDS_DESIGN, '_view', view];
    return this.#ask(isGoneOrWithoutViews, () =>
      this.#client.request<ViewAnswer<Value>>({ method: 'GET', path, query }),
    ).catch((error: unknown) => this.#whyLate(error));
  }

  /** A query of a view that is being built times out: the error then says how many records are missing from it. */
  async #whyLate(error: unknown): Promise<never> {
    if (!(error instanceof CouchUnavailableError) || error.status !== undefined) throw error;
    const pending = (await this.#views.pending()) ?? 0;
    if (pending === 0) throw error;
    throw new RecordsUnavailableError(
      `CouchDB builds its views of the activation records, ${pending} records are not in them yet: ask again later.`,
      { cause: error },
    );
  }

  async #ask<T>(isMissing: (error: unknown) => boolean, request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } catch (error) {
      if (!isMissing(error)) throw error;
      await this.#prepare();
      return request();
    }
  }
}

/** The database does not exist. */
function isGone(error: unknown): boolean {
  return error instanceof CouchUnavailableError && !error.retryable;
}

function isGoneOrWithoutViews(error: unknown): boolean {
  return isGone(error) || (error instanceof CouchRefusedError && error.status === 404);
}

/** An object sorts behind every number. */
const END = {};

function rangeOf({ namespace, name, since, upto }: RecordFilter): {
  readonly view: string;
  readonly oldest: readonly unknown[];
  readonly newest: readonly unknown[];
} {
  const key = name === undefined ? [namespace] : [namespace, name];
  return {
    view: name === undefined ? 'by-namespace' : 'by-name',
    oldest: since === undefined ? key : [...key, since],
    newest: upto === undefined ? [...key, END] : [...key, upto, END],
  };
}

function recordOf(document: ActivationDocument): ActivationRecord {
  const { activationId, namespace, name, cause, start, end = 0, response = {} } = document;
  return {
    activationId,
    namespace,
    subject: document.subject ?? namespace,
    name,
    version: document.version ?? '0.0.1',
    ...(cause === undefined ? {} : { cause }),
    start,
    end,
    duration: document.duration ?? (end === 0 ? 0 : end - start),
    status: statusOf(response.statusCode),
    result: JSON.stringify(response.result ?? {}),
    size: response.size ?? 0,
    logs: document.logs ?? [],
    annotations: Object.fromEntries((document.annotations ?? []).map(({ key, value }) => [key, value])),
  };
}

function statusOf(code: number | undefined): ActivationRecord['status'] {
  return code === 1 || code === 2 || code === 3 ? code : 0;
}
