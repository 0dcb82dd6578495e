import { type CouchClient, CouchRefusedError, CouchUnavailableError } from '../../couchdb/index.js';
import { type RecordDocument, bulkBody } from '../replication/document.js';
import { LOST_HOST } from '../record/record.js';
import {
  type ExistingRecord,
  type RecordDatabase,
  RecordDatabaseError,
  type WriteOutcome,
} from '../replication/record-database.js';
import type { ViewWarmer } from './view-warmer.js';

interface BulkAnswer {
  readonly id: string;
  readonly ok?: boolean;
  readonly rev?: string;
  readonly error?: string;
  readonly reason?: string;
}

interface KeysAnswer {
  readonly rows: readonly {
    readonly id?: string;
    readonly doc?: {
      readonly _id: string;
      readonly _rev: string;
      readonly annotations?: readonly { readonly key: string }[];
      readonly dataflower?: { readonly log?: unknown; readonly segment?: unknown; readonly offset?: unknown };
    } | null;
  }[];
}

/** Documents read in one request; their results, which may be large, come with them. */
const EXISTING_AT_ONCE = 20;

/** Errors of a single document that are permanent; any other may be temporary. */
const REFUSALS: readonly string[] = ['forbidden', 'document_too_large', 'doc_validation', 'bad_request'];

/** Records in a database of CouchDB. */
export class CouchRecordDatabase implements RecordDatabase {
  readonly #client: CouchClient;
  readonly #database: string;
  /** Time limit of one write, in milliseconds: on a slow disk a large batch takes longer than a document. */
  readonly #writeMs: number;
  readonly #views: Pick<ViewWarmer, 'written'>;

  constructor(
    client: CouchClient,
    database: string,
    readonly prepare: () => Promise<void>,
    writeMs: number,
    views: Pick<ViewWarmer, 'written'>,
  ) {
    this.#client = client;
    this.#database = database;
    this.#writeMs = writeMs;
    this.#views = views;
  }

  async write(
    documents: readonly RecordDocument[],
    revisions?: ReadonlyMap<string, string>,
  ): Promise<readonly WriteOutcome[]> {
    const answers = await this.#post(bulkBody(documents, revisions));
    const byId = new Map(answers.map((answer) => [answer.id, answer]));
    this.#views.written(documents.length);
    return documents.map(({ id }) => outcomeOf(byId.get(id)));
  }

  async existing(ids: readonly string[]): Promise<ReadonlyMap<string, ExistingRecord>> {
    const found = new Map<string, ExistingRecord>();
    for (let at = 0; at < ids.length; at += EXISTING_AT_ONCE) {
      const keys = ids.slice(at, at + EXISTING_AT_ONCE);
      const { rows } = await this.#client.request<KeysAnswer>({
        method: 'POST',
        path: [this.#database, '_all_docs'],
        query: { include_docs: 'true' },
        body: { keys },
        readOnly: true,
      });
      for (const { doc } of rows) {
        if (doc === undefined || doc === null) continue;
        found.set(doc._id, {
          revision: doc._rev,
          origin: originOf(doc.dataflower),
          givenUp: (doc.annotations ?? []).some(({ key }) => key === LOST_HOST),
        });
      }
    }
    return found;
  }

  async ping(): Promise<void> {
    await this.#client.request({ method: 'GET', path: [this.#database], retries: 0 });
  }

  async #post(body: Buffer): Promise<readonly BulkAnswer[]> {
    let answers: unknown;
    try {
      // The replicator has its own pauses, and adapts the size between attempts.
      answers = await this.#client.request({
        method: 'POST',
        path: [this.#database, '_bulk_docs'],
        body,
        timeoutMs: this.#writeMs,
        retries: 0,
      });
    } catch (cause) {
      if (cause instanceof CouchRefusedError && [400, 413, 415, 422].includes(cause.status)) {
        const code = cause.status === 413 ? 'RECORD_BATCH_TOO_LARGE' : 'RECORD_BATCH_MALFORMED';
        throw new RecordDatabaseError(code, cause.message, { cause });
      }
      if (cause instanceof CouchUnavailableError && !cause.retryable) {
        throw new RecordDatabaseError('RECORD_DATABASE_MISSING', cause.message, { cause });
      }
      throw cause;
    }
    if (!Array.isArray(answers)) throw new Error('CouchDB did not answer a bulk write with a list');
    return answers as BulkAnswer[];
  }
}

function outcomeOf(answer: BulkAnswer | undefined): WriteOutcome {
  if (answer === undefined) return { outcome: 'failed', reason: 'the answer of CouchDB lacks it' };
  if (answer.error === undefined) return { outcome: 'written' };
  if (answer.error === 'conflict') return { outcome: 'conflict' };
  const reason = `${answer.error}: ${answer.reason ?? ''}`.slice(0, 300);
  return { outcome: REFUSALS.includes(answer.error) ? 'refused' : 'failed', reason };
}

function originOf(found: { log?: unknown; segment?: unknown; offset?: unknown } | undefined): ExistingRecord['origin'] {
  if (found === undefined) return undefined;
  const { log, segment, offset } = found;
  if (typeof log !== 'string' || typeof segment !== 'number' || typeof offset !== 'number') return undefined;
  return { log, segment, offset };
}
