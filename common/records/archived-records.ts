import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, systemClock } from '../clock.js';
import { COUCH_DEFAULTS, CouchClient, type CouchSettings, prepareDatabase } from '../couchdb/index.js';
import type { Finding } from '../health/health.js';
import type { BatchBounds } from './replication/batch-size.js';
import { Replicator, type ReplicatorStatus } from './replication/replicator.js';
import { DEAD_LETTERS_FILE, DeadLetters } from './replication/dead-letters.js';
import { CouchRecordDatabase } from './couch/couch-record-database.js';
import { CouchRecords } from './couch/couch-records.js';
import { RECORDS_DATABASE, RECORDS_SCHEMA } from './couch/record-views.js';
import { Retention } from './couch/retention.js';
import { ViewWarmer } from './couch/view-warmer.js';
import { MergedRecords } from './merged-records.js';
import type { RecordNotes } from './record/notes.js';
import type { ActivationRecord, RecordFilter, RecordReader, RecordStore } from './record/record.js';
import { createReplicatedLog } from './log/record-log.js';
import type { ReplicatedLog, ReplicatedLogOptions, RecordLogMetrics } from './log/record-log-options.js';

const MiB = 1024 * 1024;

export interface ArchivedRecordsOptions {
  readonly log: ReplicatedLogOptions;
  readonly couchdb: CouchSettings;
  /** Prefix of the database's name. */
  readonly prefix: string;
  /** Readers of the records that wait in the logs of other hosts; the list may change with the hosts. */
  readonly others?: () => readonly RecordReader[];
  /** Deletes old records from CouchDB. One process of an installation is enough; several do no harm. */
  readonly retention?: { readonly maxAgeMs?: number | undefined; readonly maxCount?: number | undefined };
  readonly batches?: BatchBounds;
  /** Time for which replication may fail before `health` reports it, in milliseconds. Default 10 000. */
  readonly patienceMs?: number;
  /** Bound of the file beside the log with the records that CouchDB refuses, in bytes. Default 64 MiB. */
  readonly deadLetterBytes?: number;
  readonly clock?: Clock;
  /** Called with the problems that an operator should know: once when replication begins to fail, and for each record that is not replicated unchanged. */
  readonly onProblem?: (message: string, cause?: unknown) => void;
  /** Called when replication works again after it failed. */
  readonly onMended?: (message: string) => void;
}

/** Counts of an archive of records. */
export interface ArchivedRecordsStatus extends ReplicatorStatus {
  readonly log: RecordLogMetrics;
  readonly full: boolean;
  /** Records deleted from CouchDB for their age or number. */
  readonly deleted: number;
}

/** Records that are written to a log on this host, replicated to CouchDB, and read from both. */
export interface ArchivedRecords extends RecordStore {
  /** The records that wait on this host, for other processes, which merge them with theirs. */
  readonly waiting: RecordReader;
  status(): ArchivedRecordsStatus;
  /** A problem with the replication, as a health check. */
  health(): Promise<Finding | undefined>;
  /** A problem with the files, as a health check. */
  filesHealth(): Promise<Finding | undefined>;
  /**
   * Writes and replicates the records that are left, until that fails or `flushMs` (default 5 000) are over. The rest
   * waits for the next start.
   */
  close(flushMs?: number): Promise<void>;
}

/**
 * Opens the log of this process, and begins to replicate it. CouchDB need not be reachable. Rejects as `createRecordLog`
 * does, and with a TypeError when the address of CouchDB is no URL.
 */
export async function createArchivedRecords(options: ArchivedRecordsOptions): Promise<ArchivedRecords> {
  const client = new CouchClient({ ...options.couchdb, connections: 4 });
  try {
    return new LogAndArchive(options, client, await createReplicatedLog(options.log));
  } catch (error) {
    await client.close();
    throw error;
  }
}

const FIRST_PREPARE_MS = 1000;
const LAST_PREPARE_MS = 60_000;
const FLUSH_MS = 5000;
/** The time limit of a batch, as a multiple of that of an operation. */
const BATCH_TIMES = 3;

class LogAndArchive implements ArchivedRecords {
  readonly #clock: Clock;
  readonly #merged: MergedRecords;
  readonly #replicator: Replicator;
  readonly #views: ViewWarmer;
  readonly #retention: Retention | undefined;
  #cancelPrepare = (): void => undefined;
  #closing: Promise<void> | undefined;

  readonly #options: ArchivedRecordsOptions;
  readonly #client: CouchClient;
  readonly #log: ReplicatedLog;

  constructor(options: ArchivedRecordsOptions, client: CouchClient, log: ReplicatedLog) {
    this.#options = options;
    this.#client = client;
    this.#log = log;

    const { onProblem, onMended, others, clock = systemClock } = options;
    this.#clock = clock;
    const database = `${options.prefix}${RECORDS_DATABASE}`;
    const { timeoutMs = COUCH_DEFAULTS.timeoutMs } = options.couchdb;
    const prepare = sharing(async () => {
      // A view over many records takes long to build, and writing does not need it.
      await prepareDatabase(client, database, RECORDS_SCHEMA, 'written');
    });
    this.#views = new ViewWarmer(client, database, clock);
    const archive = new CouchRecords(client, database, prepare, this.#views);
    this.#merged = new MergedRecords({ own: log.waiting, archive, ...(others === undefined ? {} : { others }) });
    const deadLetters = new DeadLetters(options.log.dir, options.deadLetterBytes ?? 64 * MiB);
    this.#replicator = new Replicator({
      source: log.replication,
      database: new CouchRecordDatabase(client, database, prepare, BATCH_TIMES * timeoutMs, this.#views),
      deadLetter: (document, reason) => deadLetters.add(document, reason),
      clock,
      ...(options.batches === undefined ? {} : { bounds: options.batches }),
      ...(onProblem === undefined ? {} : { onProblem }),
      ...(onMended === undefined ? {} : { onMended }),
    });
    if (options.retention !== undefined) {
      const report = onProblem === undefined ? {} : { onProblem };
      this.#retention = new Retention({ client, database, clock, ...options.retention, ...report });
    }
    this.#keepPreparing(prepare, FIRST_PREPARE_MS);
  }

  get full(): boolean {
    return this.#log.full;
  }

  get waiting(): RecordReader {
    return this.#log.waiting;
  }

  append(record: ActivationRecord, again?: boolean): void {
    this.#log.append(record, again);
  }

  written(callback: (error?: Error) => void): void {
    this.#log.written(callback);
  }

  get notes(): RecordNotes {
    return this.#log.notes;
  }

  get(namespace: string, activationId: string): Promise<ActivationRecord | undefined> {
    return this.#merged.get(namespace, activationId);
  }

  list(filter: RecordFilter, skip: number, limit: number, brief?: boolean): Promise<ActivationRecord[]> {
    return this.#merged.list(filter, skip, limit, brief);
  }

  count(filter: RecordFilter, skip: number): Promise<number> {
    return this.#merged.count(filter, skip);
  }

  status(): ArchivedRecordsStatus {
    const deleted = this.#retention?.deleted ?? 0;
    return { ...this.#replicator.status(), log: this.#log.metrics, full: this.#log.full, deleted };
  }

  async health(): Promise<Finding | undefined> {
    const { failing, waitingRecords, waitingBytes } = this.#replicator.status();
    const wait = `${waitingRecords} records (${(waitingBytes / MiB).toFixed(1)} MiB) wait in files`;
    const why = failing === undefined ? '' : `: ${failing.reason}`;
    if (this.#log.replication.full) {
      return {
        severity: 'unready',
        reason: `${wait}, which is their bound: invocations are refused until CouchDB takes them${why}`,
      };
    }
    const failingMs = failing === undefined ? 0 : this.#clock.now() - failing.since;
    if (failingMs > (this.#options.patienceMs ?? 10_000)) {
      const reason = `CouchDB has taken no records for ${Math.round(failingMs / 1000)} s, ${wait}${why}`;
      return { severity: 'degraded', reason };
    }
    const file = join(this.#options.log.dir, DEAD_LETTERS_FILE);
    const bytes = await stat(file).then(
      ({ size }) => size,
      () => 0,
    );
    if (bytes === 0) return undefined;
    const reason = `CouchDB has refused records, which are in ${file} now (${bytes} bytes): look at them, then move the file away`;
    return { severity: 'degraded', reason };
  }

  filesHealth(): Promise<Finding | undefined> {
    return this.#log.filesHealth();
  }

  close(flushMs = FLUSH_MS): Promise<void> {
    return (this.#closing ??= this.#stop(flushMs));
  }

  async #stop(flushMs: number): Promise<void> {
    this.#cancelPrepare();
    await this.#atMost(flushMs, new Promise<void>((resolve) => this.#log.written(() => resolve())));
    const replicated = this.#replicator.close(flushMs);
    await this.#atMost(flushMs, replicated);
    this.#views.close();
    // Requests that are still running fail now.
    await this.#client.close();
    await replicated;
    await this.#retention?.close();
    await this.#log.close();
  }

  async #atMost(ms: number, work: Promise<void>): Promise<void> {
    let cancel = (): void => undefined;
    const late = new Promise<void>((resolve) => {
      cancel = this.#clock.after(ms, resolve);
    });
    await Promise.race([work, late]);
    cancel();
  }

  /** Listings need the views before the first record exists. The replicator creates a database that is missing. */
  #keepPreparing(prepare: () => Promise<void>, pauseMs: number): void {
    prepare().catch((cause: unknown) => {
      if (this.#closing !== undefined) return;
      const reason = cause instanceof Error ? cause.message : String(cause);
      if (pauseMs === FIRST_PREPARE_MS) {
        this.#options.onProblem?.(`The database of the records is not ready yet: ${reason}`, cause);
      }
      this.#cancelPrepare = this.#clock.after(pauseMs, () => {
        this.#keepPreparing(prepare, Math.min(pauseMs * 2, LAST_PREPARE_MS));
      });
    });
  }
}

/** Calls during a run share its outcome. */
function sharing(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () =>
    (running ??= work().finally(() => {
      running = undefined;
    }));
}
