import { type Clock, momentOf, systemClock } from '../../clock.js';
import { BATCH_BOUNDS, type BatchBounds, BatchSize } from './batch-size.js';
import type { CarrySource, FrameRun } from '../log/replication-source.js';
import { Delivery, type DeliveryCounts, type Parcel } from './batch-writer.js';
import { type RecordDocument, documentOf } from './document.js';
import { DatabaseMissingError, type RecordDatabase } from './record-database.js';

export interface CarrierOptions {
  readonly source: CarrySource;
  readonly database: RecordDatabase;
  /** Keeps a record that the database does not take, whatever is done. */
  readonly setAside: (document: RecordDocument, reason: string) => Promise<void>;
  readonly bounds?: BatchBounds;
  /** How long to wait for more records before a batch that is not full, in milliseconds. Default 250. */
  readonly lingerMs?: number;
  readonly clock?: Clock;
  /** Called once when carrying begins to fail, and for each record that is reduced, set aside or gone. */
  readonly onProblem?: (message: string, cause?: unknown) => void;
  /** Hears that records are carried again after they could not be. */
  readonly onMended?: (message: string) => void;
}

/** What a carrier has done and what waits, for metrics. Counts are since the start. */
export interface CarrierStatus extends Readonly<DeliveryCounts> {
  readonly batches: number;
  readonly failures: number;
  /** Records whose file was removed, cut or damaged before they were carried. */
  readonly gone: number;
  readonly waitingRecords: number;
  readonly waitingBytes: number;
  /** Age of the oldest record that is on its way, in milliseconds; 0 when none is. */
  readonly lagMs: number;
  /** Since when carrying fails (by the clock's `now`) and why; undefined: it does not. */
  readonly failing: { readonly since: number; readonly reason: string } | undefined;
}

const FIRST_PAUSE_MS = 100;
const LAST_PAUSE_MS = 10_000;
const LINGER_MS = 250;
/** Documents (twice) made in one turn of the loop: some 0.2 ms, which is what a message may have to wait. */
const SLICE = 2 * 16;
/**
 * Each slice is followed by so many times the time that it took. A run is a row of messages: slice upon slice, without a
 * rest, would have each of them wait. Sending takes some two times that again, so that carrying takes at most a quarter
 * of the agent's thread.
 */
const REST = 9;
/** When the files are filled so far, there is no rest any more. */
const HURRY = 0.5;

/**
 * Brings the records of a log to a database, in order and in batches, each exactly once (invariants, cited by tests):
 *
 * - C1: a position is reported as carried only when every record before it is in the database or set aside.
 * - C2: doing a batch again changes nothing: a record is known by its activation, its log and its place there.
 * - C3: of records of one activation from one log the last stays; of those of several logs the first,
 *   unless one says that its gateway gave the activation up: then that one.
 * - C4: no record holds up the others for ever: what the database does not take alone and shortened is set aside.
 * - C5: at most one batch is in memory, whatever waits.
 */
export class Carrier {
  readonly #clock: Clock;
  readonly #size: BatchSize;
  readonly #delivery: Delivery;
  #batches = 0;
  #failures = 0;
  #gone = 0;
  #failing: CarrierStatus['failing'] = undefined;
  /** The first record of the batch under way, and when it ended by the clock's `now`. */
  #oldest: { readonly id: string; readonly since: number } | undefined = undefined;
  #state: 'carrying' | 'flushing' | 'stopping' = 'carrying';
  /** Ends the pause that the loop is in. */
  #wake: () => void = () => undefined;
  #pauseMs = FIRST_PAUSE_MS;
  /** The database was just made: when it is missing again, there is a pause first. */
  #remade = false;
  readonly #loop: Promise<void>;

  readonly #options: CarrierOptions;

  /** Begins at once. */
  constructor(options: CarrierOptions) {
    this.#options = options;

    const { source, database, setAside, bounds = BATCH_BOUNDS } = options;
    this.#clock = options.clock ?? systemClock;
    this.#size = new BatchSize(bounds);
    this.#delivery = new Delivery({
      database,
      logId: source.logId,
      setAside: async (document, reason) => {
        await setAside(document, reason);
        this.#report(`CouchDB refuses the record ${document.id} (${reason}): it is set aside in a file`);
      },
      tooLarge: () => this.#size.shrink(),
    });
    this.#loop = this.#run();
  }

  status(): CarrierStatus {
    const { waitingRecords, waitingBytes, gone } = this.#options.source;
    const lagMs = this.#oldest === undefined ? 0 : Math.max(0, this.#clock.now() - this.#oldest.since);
    const batches = this.#batches;
    const failures = this.#failures;
    const failing = this.#failing;
    return {
      ...this.#delivery.counts,
      batches,
      failures,
      gone: gone + this.#gone,
      waitingRecords,
      waitingBytes,
      lagMs,
      failing,
    };
  }

  /**
   * Stops behind the batch that is under way. With `flushMs`, first carries what waits, as long as that does not fail
   * and at most so long. What is left waits for the next start.
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
        if (!(await this.#mended(error))) await this.#pauseAfter(error);
      }
    }
  }

  /** False when all is carried and that was all that was wanted. */
  async #nextBatch(): Promise<boolean> {
    const { source } = this.#options;
    const { records, bytes } = this.#size;
    // A pause gathers what comes within it, unless there is enough already.
    if (source.waitingRecords < records && source.waitingBytes < bytes)
      await this.#pause(this.#options.lingerMs ?? LINGER_MS);
    const run = await source.read(records, bytes);
    if (run === undefined) {
      this.#oldest = undefined;
      if (this.#state === 'flushing') return false;
      await this.#somethingWaits();
      return true;
    }
    const parcels = await this.#parcels(run);
    const begin = this.#clock.now();
    await this.#delivery.deliver(parcels);
    await source.carried(run.to);
    this.#batches++;
    this.#remade = false;
    if (this.#failing !== undefined) this.#options.onMended?.('Records are carried to CouchDB again');
    this.#failing = undefined;
    this.#pauseMs = FIRST_PAUSE_MS;
    if (run.places.length >= 2 * records || run.bytes.length >= bytes / 2)
      this.#size.answered(this.#clock.now() - begin);
    return true;
  }

  /** Of several records of one activation the last alone. */
  async #parcels({ bytes, places, from }: FrameRun): Promise<Parcel[]> {
    const parcels = new Map<string, Parcel>();
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
      parcels.delete(document.id);
      parcels.set(document.id, { document, frame });
      // Of a batch that is tried again, the age goes on from what was found first: the wall may have been set meanwhile.
      if (i === 0 && this.#oldest?.id !== document.id)
        this.#oldest = { id: document.id, since: momentOf(this.#clock, document.updated) };
    }
    return [...parcels.values()];
  }

  /** True when there is no reason to wait before the next attempt. */
  async #mended(error: unknown): Promise<boolean> {
    try {
      if (error instanceof DatabaseMissingError && !this.#remade) {
        this.#remade = true;
        await this.#options.database.prepare();
        return true;
      }
    } catch {
      // The first failure is the one to tell.
    }
    return false;
  }

  async #pauseAfter(error: unknown): Promise<void> {
    this.#failures++;
    this.#remade = false;
    this.#size.shrink();
    const reason = error instanceof Error ? error.message : String(error);
    if (this.#failing === undefined)
      this.#report(`Records cannot be carried to CouchDB and wait in files: ${reason}`, error);
    this.#failing = { since: this.#failing?.since ?? this.#clock.now(), reason };
    if (this.#state === 'flushing') this.#state = 'stopping';
    await this.#pause(this.#pauseMs * (0.75 + Math.random() / 2));
    this.#pauseMs = Math.min(this.#pauseMs * 2, LAST_PAUSE_MS);
  }

  async #somethingWaits(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (this.#state === 'carrying') this.#options.source.whenWaiting(resolve);
      else resolve();
    });
  }

  /** What waits may wait a little longer, unless it fills the files. */
  async #rest(ms: number): Promise<void> {
    if (this.#options.source.fill < HURRY && this.#state === 'carrying') await this.#pause(ms);
    else await new Promise(setImmediate);
  }

  async #pause(ms: number): Promise<void> {
    if (this.#state !== 'carrying') return;
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
