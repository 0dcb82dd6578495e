import { type Clock, momentOf, systemClock } from '../../clock.js';
import type { FrameRun, ReplicationSource } from '../log/replication-source.js';
import { BATCH_BOUNDS, type BatchBounds, BatchSize } from './batch-size.js';
import { BatchWriter, type PendingRecord, type WriteCounts } from './batch-writer.js';
import { type RecordDocument, documentOf } from './document.js';
import { type RecordDatabase, RecordDatabaseError } from './record-database.js';

export interface ReplicatorOptions {
  readonly source: ReplicationSource;
  readonly database: RecordDatabase;
  /** Keeps a record that the database refuses for good. */
  readonly deadLetter: (document: RecordDocument, reason: string) => Promise<void>;
  readonly bounds?: BatchBounds;
  /** Time to wait for more records before a batch that is not full, in milliseconds. Default 250. */
  readonly lingerMs?: number;
  readonly clock?: Clock;
  /** Called once when replication begins to fail, and for each record that is reduced, a dead letter or gone. */
  readonly onProblem?: (message: string, cause?: unknown) => void;
  /** Called when replication works again after it failed. */
  readonly onMended?: (message: string) => void;
}

/** The state of a replicator, for metrics. Counts are since the start. */
export interface ReplicatorStatus extends Readonly<WriteCounts> {
  readonly batches: number;
  readonly failures: number;
  /** Records whose file was removed, cut or damaged before they were replicated. */
  readonly gone: number;
  readonly waitingRecords: number;
  readonly waitingBytes: number;
  /** Age of the oldest record in the current batch, in milliseconds; 0 without a batch. */
  readonly lagMs: number;
  /** The time since which replication fails (by the clock's `now`), and the reason; undefined while it works. */
  readonly failing: { readonly since: number; readonly reason: string } | undefined;
}

const FIRST_PAUSE_MS = 100;
const LAST_PAUSE_MS = 10_000;
const LINGER_MS = 250;
/** Places (two numbers for each document) made into documents in one turn of the loop: about 0.2 ms. */
const SLICE = 2 * 16;
/**
 * The pause after a slice, as a multiple of the time that the slice took. Without pauses a run of slices would delay every
 * message to the agent. Sending takes about twice the time of the slices, so replication takes at most a quarter of the
 * agent's thread.
 */
const REST = 9;
/** The fill of the files from which on there are no pauses. */
const HURRY = 0.5;

/**
 * Copies the records of a log to a database, in order and in batches, each exactly once (invariants, cited by tests):
 *
 * - C1: a position is reported as replicated only when every record before it is in the database or a dead letter.
 * - C2: writing a batch again changes nothing: a record is identified by its activation, its log and its position there.
 * - C3: of several records of one activation from one log the last stays; from several logs the first,
 *   unless one says that its gateway gave the activation up: then that one.
 * - C4: no record delays the others for ever: one that the database refuses alone and reduced becomes a dead letter.
 * - C5: at most one batch is in memory, however many records wait.
 */
export class Replicator {
  readonly #clock: Clock;
  readonly #size: BatchSize;
  readonly #writer: BatchWriter;
  #batches = 0;
  #failures = 0;
  #gone = 0;
  #failing: ReplicatorStatus['failing'] = undefined;
  /** The first record of the current batch, and its end by the clock's `now`. */
  #oldest: { readonly id: string; readonly since: number } | undefined = undefined;
  #state: 'replicating' | 'flushing' | 'stopping' = 'replicating';
  /** Ends the current pause of the loop. */
  #wake: () => void = () => undefined;
  #pauseMs = FIRST_PAUSE_MS;
  /** The database was just created: when it is missing again, the loop pauses first. */
  #recreated = false;
  readonly #loop: Promise<void>;

  readonly #options: ReplicatorOptions;

  /** Starts at once. */
  constructor(options: ReplicatorOptions) {
    this.#options = options;

    const { source, database, deadLetter, bounds = BATCH_BOUNDS } = options;
    this.#clock = options.clock ?? systemClock;
    this.#size = new BatchSize(bounds);
    this.#writer = new BatchWriter({
      database,
      logId: source.logId,
      deadLetter: async (document, reason) => {
        await deadLetter(document, reason);
        this.#report(`CouchDB refuses the record ${document.id} (${reason}): it is set aside in a file`);
      },
      tooLarge: () => this.#size.shrink(),
    });
    this.#loop = this.#run();
  }

  status(): ReplicatorStatus {
    const { waitingRecords, waitingBytes, gone } = this.#options.source;
    return {
      ...this.#writer.counts,
      batches: this.#batches,
      failures: this.#failures,
      gone: gone + this.#gone,
      waitingRecords,
      waitingBytes,
      lagMs: this.#oldest === undefined ? 0 : Math.max(0, this.#clock.now() - this.#oldest.since),
      failing: this.#failing,
    };
  }

  /**
   * Stops after the current batch. With `flushMs`, first replicates the waiting records until that fails or the time is
   * over. Records that are left are replicated after the next start.
   */
  async close(flushMs = 0): Promise<void> {
    if (flushMs > 0 && this.#failing === undefined) {
      this.#state = 'flushing';
      this.#wake();
      let cancel = (): void => undefined;
      const late = new Promise<void>((resolve) => {
        cancel = this.#clock.after(flushMs, resolve);
      });
      await Promise.race([this.#loop, late]);
      cancel();
    }
    this.#state = 'stopping';
    this.#wake();
    await this.#loop;
  }

  async #run(): Promise<void> {
    while (this.#state !== 'stopping') {
      try {
        if (!(await this.#nextBatch())) return;
      } catch (error) {
        if (!(await this.#recreatedAfter(error))) await this.#pauseAfter(error);
      }
    }
  }

  /** False when a flush has replicated everything. */
  async #nextBatch(): Promise<boolean> {
    const { source } = this.#options;
    const { records, bytes } = this.#size;
    // A pause collects the records that arrive meanwhile, unless a batch is full already.
    if (source.waitingRecords < records && source.waitingBytes < bytes)
      await this.#pause(this.#options.lingerMs ?? LINGER_MS);
    const run = await source.read(records, bytes);
    if (run === undefined) {
      this.#oldest = undefined;
      if (this.#state === 'flushing') return false;
      await this.#untilWaiting();
      return true;
    }
    const batch = await this.#batchOf(run);
    const begin = this.#clock.now();
    await this.#writer.write(batch);
    await source.advance(run.to);
    this.#batches++;
    this.#recreated = false;
    if (this.#failing !== undefined) this.#options.onMended?.('Records are carried to CouchDB again');
    this.#failing = undefined;
    this.#pauseMs = FIRST_PAUSE_MS;
    if (run.places.length >= 2 * records || run.bytes.length >= bytes / 2)
      this.#size.answered(this.#clock.now() - begin);
    return true;
  }

  /** Of several records of one activation only the last. */
  async #batchOf({ bytes, places, from }: FrameRun): Promise<PendingRecord[]> {
    const batch = new Map<string, PendingRecord>();
    let since = performance.now();
    for (let i = 0; i < places.length; i += 2) {
      if (i > 0 && i % SLICE === 0) {
        await this.#rest((performance.now() - since) * REST);
        since = performance.now();
      }
      const frame = bytes.subarray(places[i], places[i]! + places[i + 1]!);
      const place = { segment: from.segment, offset: from.offset + places[i]! };
      let document: RecordDocument;
      try {
        document = documentOf(frame, place, this.#options.source.logId);
      } catch (error) {
        this.#gone++;
        this.#report(
          `The record at byte ${place.offset} of segment ${place.segment} is damaged and is passed over`,
          error,
        );
        continue;
      }
      batch.delete(document.id);
      batch.set(document.id, { document, frame });
      // A batch that is tried again keeps the age that was computed first: the wall clock may have been set meanwhile.
      if (i === 0 && this.#oldest?.id !== document.id)
        this.#oldest = { id: document.id, since: momentOf(this.#clock, document.updated) };
    }
    return [...batch.values()];
  }

  /** Creates a missing database. True when the next attempt need not wait. */
  async #recreatedAfter(error: unknown): Promise<boolean> {
    const isMissing = error instanceof RecordDatabaseError && error.code === 'RECORD_DATABASE_MISSING';
    if (!isMissing || this.#recreated) return false;
    this.#recreated = true;
    // The first failure is the one to report.
    return this.#options.database.prepare().then(
      () => true,
      () => false,
    );
  }

  async #pauseAfter(error: unknown): Promise<void> {
    this.#failures++;
    this.#recreated = false;
    this.#size.shrink();
    const reason = error instanceof Error ? error.message : String(error);
    if (this.#failing === undefined)
      this.#report(`Records cannot be carried to CouchDB and wait in files: ${reason}`, error);
    this.#failing = { since: this.#failing?.since ?? this.#clock.now(), reason };
    if (this.#state === 'flushing') this.#state = 'stopping';
    await this.#pause(this.#pauseMs * (0.75 + Math.random() / 2));
    this.#pauseMs = Math.min(this.#pauseMs * 2, LAST_PAUSE_MS);
  }

  async #untilWaiting(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (this.#state === 'replicating') this.#options.source.whenWaiting(resolve);
      else resolve();
    });
  }

  /** Pauses, unless the waiting records fill the files. */
  async #rest(ms: number): Promise<void> {
    if (this.#options.source.fill < HURRY && this.#state === 'replicating') await this.#pause(ms);
    else await new Promise(setImmediate);
  }

  async #pause(ms: number): Promise<void> {
    if (this.#state !== 'replicating') return;
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(ms, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }

  #report(message: string, cause?: unknown): void {
    this.#options.onProblem?.(message, cause);
  }
}
