import fs from 'node:fs';
import { type Clock, systemClock } from '../../clock.js';
import { AppendQueue } from './append-queue.js';
import { lockDirectory } from './directory-lock.js';
import { RecordLogError } from '../record/errors.js';
import { Checkpoint } from './checkpoint.js';
import { ReplicationCursor, type WaitingBounds } from './replication-cursor.js';
import { DamagedParts } from './damaged-parts.js';
import type { ActivationRecord, RecordFilter } from '../record/record.js';
import type { Finding } from '../../health/health.js';
import { encodeRecordTexts, listedName } from '../record/record-codec.js';
import { type DamagedRow, FrameReader } from './frame-reader.js';
import { OpenNotes } from './open-notes.js';
import type { NoteKind, RecordNotes } from '../record/notes.js';
import { RecordQueries } from './record-queries.js';
import type {
  ReplicatedLog,
  ReplicatedLogOptions,
  RecordLog,
  RecordLogMetrics,
  RecordLogOptions,
} from './record-log-options.js';
import { type Segment, segmentFiles } from './segment.js';
import { parseId } from './segment-index.js';
import { SegmentStore } from './segment-store.js';

const MiB = 1024 * 1024;
const HOUR_MS = 60 * 60 * 1000;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5000;
/** Time and bytes after which frames that no caller waits for are written. */
const LINGER_MS = 5;
const LINGER_BYTES = 64 * 1024;

/**
 * Opens the activation records of a host: segment files in one directory, found by indexes in memory.
 * Rejects with RecordLogError RECORD_LOG_LOCKED when another process has the directory, or with the error of the file
 * system.
 */
export async function createRecordLog(options: RecordLogOptions): Promise<RecordLog> {
  return openLog(options, () => undefined);
}

/** The same for records that are replicated to another store: none is dropped before. Rejects in the same way. */
export async function createReplicatedLog(options: ReplicatedLogOptions): Promise<ReplicatedLog> {
  const log = await openLog(options, () => Checkpoint.open(options.dir));
  return log as SegmentedLog & { readonly replication: ReplicationCursor };
}

async function openLog(options: ReplicatedLogOptions, checkpoint: () => Checkpoint | undefined): Promise<SegmentedLog> {
  await fs.promises.mkdir(options.dir, { recursive: true, mode: 0o700 });
  const unlock = lockDirectory(options.dir);
  try {
    const files = options.files ?? segmentFiles;
    const damaged = new DamagedParts(options.dir, options.onDamage);
    const { store, notes } = SegmentStore.open(options.dir, files, damaged);
    const log = new SegmentedLog(options, store, new AppendQueue(files), damaged, unlock, checkpoint());
    log.begin(notes);
    return log;
  } catch (error) {
    unlock();
    throw error;
  }
}

class SegmentedLog implements RecordLog {
  readonly replication: ReplicationCursor | undefined;
  readonly #clock: Clock;
  readonly #maxBytes: number;
  readonly #cacheBytes: number;
  readonly #maxAgeMs: number;
  readonly #segmentBytes: number;
  readonly #queueBytes: number;
  readonly #reader: FrameReader;
  readonly #notes: OpenNotes;
  readonly #queries: RecordQueries;
  readonly waiting: RecordQueries;
  #appended = 0;
  /** A write follows at the end of this turn of the loop. */
  #scheduled = false;
  #cancelLinger: (() => void) | undefined = undefined;
  /** A segment was completed since the last write. */
  #rolled = false;
  #closed = false;
  /** Set while the disk refuses writes: cancels the next attempt. The pauses between attempts grow. */
  #cancelRetry: (() => void) | undefined = undefined;
  #retryMs = FIRST_RETRY_MS;
  #cancelAgeing: () => void;

  readonly #options: ReplicatedLogOptions;
  readonly #store: SegmentStore;
  readonly #queue: AppendQueue;
  readonly #damaged: DamagedParts;
  readonly #unlock: () => void;

  constructor(
    options: ReplicatedLogOptions,
    store: SegmentStore,
    queue: AppendQueue,
    damaged: DamagedParts,
    unlock: () => void,
    checkpoint?: Checkpoint,
  ) {
    this.#options = options;
    this.#store = store;
    this.#queue = queue;
    this.#damaged = damaged;
    this.#unlock = unlock;

    this.#clock = options.clock ?? systemClock;
    this.#maxBytes = options.maxBytes ?? 1024 * MiB;
    this.#maxAgeMs = options.maxAgeMs ?? 7 * 24 * HOUR_MS;
    this.#segmentBytes = Math.min(options.segmentBytes ?? 16 * MiB, Math.ceil(this.#maxBytes / 8));
    this.#cacheBytes = Math.min(options.cacheBytes ?? 64 * MiB, Math.ceil(this.#maxBytes / 8));
    this.#queueBytes = options.queueBytes ?? 64 * MiB;
    this.#reader = new FrameReader(queue);
    this.#notes = new OpenNotes((text) => this.#appendNote(text));
    this.#cancelAgeing = this.#ageLater();
    const { segments } = store;
    const repair = (rows: readonly DamagedRow[], again: boolean): Promise<void> => this.#repair(rows, again);
    if (checkpoint !== undefined)
      this.replication = new ReplicationCursor(store, checkpoint, waitingBounds(options, this.#maxBytes), repair, () =>
        this.#dropOld(),
      );
    this.#queries = new RecordQueries(segments, this.#reader, repair);
    this.waiting = new RecordQueries(segments, this.#reader, repair, this.replication?.firstRow);
  }

  /** Restores the open notes of an earlier process. */
  begin(notes: readonly string[]): void {
    this.#notes.restore(notes, (activationId) => this.#queries.has(activationId));
    this.#age();
  }

  get full(): boolean {
    return (
      this.#cancelRetry !== undefined ||
      this.#queue.unwrittenBytes >= this.#queueBytes ||
      (this.replication?.full ?? false)
    );
  }

  get metrics(): RecordLogMetrics {
    const { segments } = this.#store;
    return {
      records: segments.reduce((sum, segment) => sum + segment.index.count, 0),
      damaged: this.#damaged.count,
      appended: this.#appended,
      bytes: this.#store.bytes,
      segments: segments.length,
      unwrittenBytes: this.#queue.unwrittenBytes,
      indexBytes: segments.reduce((sum, segment) => sum + segment.index.bytes, 0),
    };
  }

  append(record: ActivationRecord, again = false): void {
    if (this.#closed) throw new RecordLogError('RECORD_LOG_CLOSED', 'the record log is closed');
    // Every call that may throw comes before the first change.
    const texts = encodeRecordTexts(record);
    const name = listedName(record);
    parseId(record.activationId);
    const segment = this.#activeSegment();
    if (again) this.#store.supersede();
    const length = this.#queue.append(segment, texts, 'record');
    segment.index.add(segment.length - length, length, record.start, record.namespace, name);
    this.#appended++;
    this.#notes.recorded(record.activationId);
    this.#writeSoon();
  }

  readonly notes: RecordNotes = {
    put: (kind, key, data) => {
      if (this.#closed) throw new RecordLogError('RECORD_LOG_CLOSED', 'the record log is closed');
      // An activation that has its record is settled.
      if (kind !== 'activation' || !this.#queries.has(key)) this.#notes.put(kind, key, data);
    },
    settle: (kind, key) => {
      if (!this.#closed) this.#notes.settle(kind, key);
    },
    has: (kind: NoteKind, key: string) => this.#notes.has(kind, key),
    open: (kind: NoteKind) => this.#notes.open(kind),
  };

  #appendNote(text: string): { segment: Segment; offset: number } {
    const segment = this.#activeSegment();
    const length = this.#queue.append(segment, { head: text, result: '', logs: '' }, 'note');
    this.#writeSoon();
    return { segment, offset: segment.length - length };
  }

  /** The segment that takes the next frame. */
  #activeSegment(): Segment {
    const { active } = this.#store;
    if (active.length < this.#segmentBytes) return active;
    this.#rolled = true;
    return this.#store.roll();
  }

  #writeSoon(): void {
    if (this.#queue.unwrittenBytes >= LINGER_BYTES) this.#schedule();
    else this.#linger();
  }

  written(callback: (error?: Error) => void): void {
    if (this.#queue.unwrittenBytes === 0) {
      queueMicrotask(callback);
      return;
    }
    this.#queue.whenWritten(callback);
    this.#schedule();
  }

  get(namespace: string, activationId: string): Promise<ActivationRecord | undefined> {
    return this.#queries.get(namespace, activationId);
  }

  list(filter: RecordFilter, skip: number, limit: number, brief?: boolean): Promise<ActivationRecord[]> {
    return this.#queries.list(filter, skip, limit, brief);
  }

  count(filter: RecordFilter, skip: number): Promise<number> {
    return this.#queries.count(filter, skip);
  }

  filesHealth(): Promise<Finding | undefined> {
    return this.#damaged.health();
  }

  /** Writes the queue and releases the directory. Rejects when the disk refuses: the queued records are lost. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelAgeing();
    this.#cancelRetry?.();
    this.#cancelLinger?.();
    let failure: Error | undefined;
    try {
      this.#queue.flush();
    } catch (error) {
      failure = this.#writeError(error);
      this.#queue.abandon(failure);
    }
    await this.#store.close(failure === undefined ? this.#notes.complete : undefined);
    this.#unlock();
    if (failure !== undefined) throw failure;
  }

  /** Leaves damaged rows out from now on. `again`: their segments were repaired already, and the rows are damaged still. */
  async #repair(rows: readonly DamagedRow[], again: boolean): Promise<void> {
    const around = this.replication?.countingGone ?? ((change: () => void) => change());
    if (rows.some(({ segment }) => segment === this.#store.active) && !this.#closed) {
      // The log never writes behind damage.
      this.#store.roll();
      this.#rolled = true;
      if (this.#cancelRetry === undefined) this.#flush();
    }
    for (const { segment, index, row } of rows) {
      if (segment.index !== index) continue;
      if (again) around(() => this.#store.strike(segment, row));
      else await this.#store.repair(segment, row, around);
    }
  }

  #schedule(): void {
    if (this.#scheduled || this.#cancelRetry !== undefined) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (!this.#closed) this.#flush();
    });
  }

  #linger(): void {
    if (this.#scheduled || this.#cancelLinger !== undefined || this.#cancelRetry !== undefined) return;
    this.#cancelLinger = this.#clock.after(LINGER_MS, () => this.#flush());
  }

  #flush(): void {
    this.#cancelLinger?.();
    this.#cancelLinger = undefined;
    try {
      this.#queue.flush();
    } catch (error) {
      this.#retryLater(error);
      return;
    }
    this.#retryMs = FIRST_RETRY_MS;
    if (this.#rolled) {
      this.#rolled = false;
      this.#store.sealWritten(this.#notes.complete);
      this.#dropOld();
    }
    this.replication?.onWritten();
  }

  #retryLater(cause: unknown): void {
    const begins = this.#retryMs === FIRST_RETRY_MS;
    this.#cancelRetry = this.#clock.after(this.#retryMs, () => {
      this.#cancelRetry = undefined;
      this.#flush();
    });
    this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
    if (begins) this.#options.onError?.(this.#writeError(cause));
  }

  #writeError(cause: unknown): RecordLogError {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new RecordLogError(
      'RECORD_WRITE_FAILED',
      `Activation records cannot be written to ${this.#options.dir}: ${reason}`,
      { cause },
    );
  }

  #dropOld(): void {
    const { replication } = this;
    const oldestStart = this.#clock.now() - this.#maxAgeMs;
    let { bytes } = this.#store;
    let replicated = replication === undefined ? 0 : bytes - replication.waitingBytes;
    this.#store.dropOldest((oldest) => {
      if (replication !== undefined && !replication.isReplicated(oldest)) return false;
      if (bytes <= this.#maxBytes && replicated <= this.#cacheBytes && oldest.index.maxStart >= oldestStart)
        return false;
      bytes -= oldest.length;
      replicated -= oldest.length;
      this.#moveNotes(oldest);
      return true;
    });
  }

  /** Open notes outlive their segment. A full disk does not prevent the drop, which frees room. */
  #moveNotes(segment: Segment): void {
    if (!this.#notes.moveFrom(segment) || this.#cancelRetry !== undefined) return;
    try {
      this.#queue.flush();
    } catch (error) {
      this.#retryLater(error);
    }
  }

  /** On a quiet host the active segment grows old too: a new one then replaces it. */
  #age(): void {
    const { active } = this.#store;
    const oldestStart = this.#clock.now() - this.#maxAgeMs;
    if (active.index.count > 0 && active.index.maxStart < oldestStart) this.#store.roll();
    this.#store.sealWritten(this.#notes.complete);
    this.#dropOld();
  }

  #ageLater(): () => void {
    return this.#clock.after(Math.min(this.#maxAgeMs / 8, HOUR_MS), () => {
      this.#age();
      this.#cancelAgeing = this.#ageLater();
    });
  }
}

function waitingBounds({ maxIndexBytes }: ReplicatedLogOptions, maxBytes: number): WaitingBounds {
  return { maxBytes, maxIndexBytes: maxIndexBytes ?? 256 * MiB };
}
