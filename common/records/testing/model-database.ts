import { type RecordDocument, bulkBody } from '../replication/document.js';
import { LOST_HOST } from '../record/record.js';
import {
  type ExistingRecord,
  type RecordDatabase,
  RecordDatabaseError,
  type WriteOutcome,
} from '../replication/record-database.js';

/** The fault of one request. */
export type Fault =
  | 'none'
  /** Nothing is done. */
  | 'away'
  /** All is done, and the answer gets lost. */
  | 'answer lost'
  /** Half of the documents are written, and the answer gets lost. */
  | 'half done'
  /** Half of the documents are written, and the answer says so. */
  | 'half refused'
  | 'database deleted';

interface Stored {
  readonly text: string;
  readonly revision: number;
}

interface StoredDocument {
  readonly _id: string;
  readonly annotations?: readonly { readonly key: string }[];
  readonly dataflower?: { readonly log: string; readonly segment: number; readonly offset: number };
  readonly response: { readonly result: unknown };
}

/** CouchDB's rules in memory, with faults on demand. */
export class ModelDatabase implements RecordDatabase {
  readonly stored = new Map<string, Stored>();
  /** Of the next requests, in order; then none. */
  faults: Fault[] = [];
  requests = 0;
  /** Writes that changed a document. */
  changes = 0;
  maxRequestBytes = Infinity;
  /** A text that makes a request malformed. */
  poison: string | undefined;
  /** An id that is forbidden. */
  forbidden: string | undefined;
  missing = false;
  #revisions = 0;

  prepare(): Promise<void> {
    this.missing = false;
    return Promise.resolve();
  }

  ping(): Promise<void> {
    return this.faults[0] === 'away' ? Promise.reject(new Error('away')) : Promise.resolve();
  }

  async write(
    documents: readonly RecordDocument[],
    revisions?: ReadonlyMap<string, string>,
  ): Promise<readonly WriteOutcome[]> {
    const fault = this.#next();
    // An answer comes in a later turn, as from a network.
    await new Promise(setImmediate);
    if (fault === 'away') throw new Error('away');
    if (fault === 'database deleted') this.missing = true;
    if (this.missing) throw new RecordDatabaseError('RECORD_DATABASE_MISSING', 'no database');
    const body = bulkBody(documents, revisions).toString();
    if (body.length > this.maxRequestBytes) throw new RecordDatabaseError('RECORD_BATCH_TOO_LARGE', 'too large');
    if (this.poison !== undefined && body.includes(this.poison))
      throw new RecordDatabaseError('RECORD_BATCH_MALFORMED', 'malformed');
    const { docs } = JSON.parse(body) as { docs: (StoredDocument & { _rev?: string })[] };
    const half = docs.length >> 1;
    const outcomes = docs.map((doc, i): WriteOutcome => {
      if ((fault === 'half done' || fault === 'half refused') && i >= half) {
        return { outcome: 'failed', reason: 'no quorum' };
      }
      return this.#put(doc);
    });
    if (fault === 'answer lost' || fault === 'half done') throw new Error('connection reset');
    return outcomes;
  }

  async existing(ids: readonly string[]): Promise<ReadonlyMap<string, ExistingRecord>> {
    const fault = this.#next();
    await new Promise(setImmediate);
    if (fault === 'away' || fault === 'answer lost' || fault === 'half done') throw new Error('away');
    const found = new Map<string, ExistingRecord>();
    for (const id of ids) {
      const stored = this.stored.get(id);
      if (stored === undefined) continue;
      const { dataflower, annotations = [] } = JSON.parse(stored.text) as StoredDocument;
      const givenUp = annotations.some(({ key }) => key === LOST_HOST);
      found.set(id, { revision: String(stored.revision), origin: dataflower, givenUp });
    }
    return found;
  }

  /** As another process would write it. */
  putForeign(id: string, result: unknown): void {
    this.stored.set(id, { text: JSON.stringify({ _id: id, response: { result } }), revision: ++this.#revisions });
  }

  resultOf(id: string): unknown {
    const stored = this.stored.get(id);
    return stored === undefined ? undefined : (JSON.parse(stored.text) as StoredDocument).response.result;
  }

  #next(): Fault {
    this.requests++;
    return this.faults.shift() ?? 'none';
  }

  #put({ _rev, ...doc }: StoredDocument & { _rev?: string }): WriteOutcome {
    if (doc._id === this.forbidden) return { outcome: 'refused', reason: 'forbidden: not you' };
    const current = this.stored.get(doc._id);
    if ((current === undefined ? undefined : String(current.revision)) !== _rev) return { outcome: 'conflict' };
    this.changes++;
    this.stored.set(doc._id, { text: JSON.stringify(doc), revision: ++this.#revisions });
    return { outcome: 'written' };
  }
}
