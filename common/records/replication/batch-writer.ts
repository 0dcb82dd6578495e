import { assertNever } from '../../assert-never.js';
import { isBefore } from '../log/replication-source.js';
import { type RecordDocument, reducedDocumentOf } from './document.js';
import { type RecordDatabase, RecordDatabaseError, type WriteOutcome } from './record-database.js';
import { sizeAndHash } from './storable-json.js';

/** A record to be written: its document, and its frame, from which the document can be made again. */
export interface PendingRecord {
  readonly document: RecordDocument;
  readonly frame: Buffer;
}

/** Counts of records since the start. */
export interface WriteCounts {
  written: number;
  /** In the database already: from an attempt whose answer was lost, or from a process that was killed. */
  repeated: number;
  /** Not written, since another process had written the authoritative record of the activation. */
  yielded: number;
  /** Written without their long parts. */
  reduced: number;
  /** Refused by the database and kept by `deadLetter`. */
  deadLetters: number;
}

export interface BatchWriterOptions {
  readonly database: RecordDatabase;
  readonly logId: string;
  /** Keeps a record that the database refuses for good. */
  readonly deadLetter: (document: RecordDocument, reason: string) => Promise<void>;
  /** Called when the database refuses the size of a request. */
  readonly tooLarge: () => void;
}

/** Results over this many bytes are replaced in a record that is too large; in one that is malformed, every result. */
const REDUCED_RESULT_BYTES = 4096;
const REDUCED_LOG_BYTES = 64 * 1024;
/** Rounds of conflicts, which other writers of the same records cause, after which the whole batch is tried again later. */
const MAX_ROUNDS = 5;

/**
 * Writes the records of one batch to the database, each exactly once: resolves when every record is in the database or a
 * dead letter. Rejects when the database fails; writing the batch again is harmless.
 */
export class BatchWriter {
  readonly counts: WriteCounts = { written: 0, repeated: 0, yielded: 0, reduced: 0, deadLetters: 0 };

  readonly #options: BatchWriterOptions;

  constructor(options: BatchWriterOptions) {
    this.#options = options;
  }

  /** Of records with the same id, the batch may contain only the last. */
  async write(batch: readonly PendingRecord[]): Promise<void> {
    let left = batch;
    let revisions: Map<string, string> | undefined;
    for (let round = 0; left.length > 0; round++) {
      if (round === MAX_ROUNDS) throw new Error(`other writers keep changing ${left.length} records`);
      const outcomes = await this.#request(left, revisions);
      if (outcomes === undefined) return;
      const conflicts = await this.#settle(left, outcomes);
      [left, revisions] = await this.#resolve(conflicts);
    }
  }

  /** Undefined when the database refused the request, and the records were written in smaller ones. */
  async #request(
    batch: readonly PendingRecord[],
    revisions: ReadonlyMap<string, string> | undefined,
  ): Promise<readonly WriteOutcome[] | undefined> {
    try {
      return await this.#options.database.write(
        batch.map(({ document }) => document),
        revisions,
      );
    } catch (error) {
      if (!(error instanceof RecordDatabaseError && error.refusesBatch)) throw error;
      if (error.code === 'RECORD_BATCH_TOO_LARGE') this.#options.tooLarge();
      if (batch.length === 1) {
        await this.#reduceOrDeadLetter(batch[0]!, revisions, error);
      } else {
        const middle = batch.length >> 1;
        await this.write(batch.slice(0, middle));
        await this.write(batch.slice(middle));
      }
      return undefined;
    }
  }

  /** Returns the conflicts. */
  async #settle(batch: readonly PendingRecord[], outcomes: readonly WriteOutcome[]): Promise<PendingRecord[]> {
    const conflicts: PendingRecord[] = [];
    let failure: string | undefined;
    for (const [i, record] of batch.entries()) {
      const result = outcomes[i]!;
      switch (result.outcome) {
        case 'written':
          this.counts.written++;
          break;
        case 'conflict':
          conflicts.push(record);
          break;
        case 'refused':
          await this.#deadLetter(record, result.reason);
          break;
        case 'failed':
          failure ??= result.reason;
          break;
        default:
          assertNever(result);
      }
    }
    if (failure !== undefined) throw new Error(`CouchDB does not accept a record: ${failure}`);
    return conflicts;
  }

  /**
   * A document that is already in the database may be this very record; an older one of the same log, which is replaced;
   * a later one of the same log; or one of another writer, which was first and stays. A record by which a gateway gave the
   * activation up, having told its caller so, precedes all of these rules: it replaces a host's record, and no record
   * replaces it (`authoritative`).
   */
  async #resolve(conflicts: readonly PendingRecord[]): Promise<[PendingRecord[], Map<string, string>]> {
    const revisions = new Map<string, string>();
    const again: PendingRecord[] = [];
    if (conflicts.length === 0) return [again, revisions];
    const existing = await this.#options.database.existing(conflicts.map(({ document }) => document.id));
    for (const record of conflicts) {
      const { id, place, givenUp } = record.document;
      const found = existing.get(id);
      if (found === undefined) {
        again.push(record);
      } else if (found.givenUp !== givenUp) {
        if (givenUp) {
          revisions.set(id, found.revision);
          again.push(record);
        } else this.counts.yielded++;
      } else if (found.origin?.log !== this.#options.logId) {
        this.counts.yielded++;
      } else if (isBefore(found.origin, place)) {
        revisions.set(id, found.revision);
        again.push(record);
      } else {
        this.counts.repeated++;
      }
    }
    return [again, revisions];
  }

  async #reduceOrDeadLetter(
    { document, frame }: PendingRecord,
    revisions: ReadonlyMap<string, string> | undefined,
    refusal: RecordDatabaseError,
  ): Promise<void> {
    const longest = refusal.code === 'RECORD_BATCH_TOO_LARGE' ? REDUCED_RESULT_BYTES : 0;
    const reduced = reducedDocumentOf(frame, document.place, this.#options.logId, ({ result, logs }) => ({
      result: result.length > longest ? sizeAndHash(result) : result,
      logs: beginningOf(logs),
    }));
    let outcome: WriteOutcome;
    try {
      [outcome] = (await this.#options.database.write([reduced], revisions)) as [WriteOutcome];
    } catch (error) {
      if (!(error instanceof RecordDatabaseError && error.refusesBatch)) throw error;
      outcome = { outcome: 'refused', reason: refusal.message };
    }
    if (outcome.outcome !== 'refused') {
      const conflicts = await this.#settle([{ document: reduced, frame }], [outcome]);
      this.counts.reduced += 1 - conflicts.length;
      const [again, newer] = await this.#resolve(conflicts);
      if (again.length > 0) await this.#reduceOrDeadLetter({ document, frame }, newer, refusal);
      return;
    }
    await this.#deadLetter({ document, frame }, outcome.reason);
  }

  /** A proxy that refuses everything must not empty the log into a file: the database is asked first. */
  async #deadLetter({ document }: PendingRecord, reason: string): Promise<void> {
    await this.#options.database.ping();
    await this.#options.deadLetter(document, reason);
    this.counts.deadLetters++;
  }
}

function beginningOf(logs: Buffer): Buffer {
  if (logs.length <= REDUCED_LOG_BYTES) return logs;
  const lines = JSON.parse(logs.toString()) as string[];
  const kept: string[] = [];
  let bytes = 0;
  for (const line of lines) {
    bytes += Buffer.byteLength(line);
    if (bytes > REDUCED_LOG_BYTES) break;
    kept.push(line);
  }
  // OpenWhisk's own words for logs that were cut (OW-48).
  kept.push(`Logs were truncated because the total bytes size exceeds the limit of ${REDUCED_LOG_BYTES} bytes.`);
  return Buffer.from(JSON.stringify(kept));
}
