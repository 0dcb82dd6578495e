import { type RecordDocument, reducedDocumentOf } from './document.js';
import { isBefore } from '../log/log-position.js';
import { BatchRefusedError, type RecordDatabase, type WriteOutcome } from './record-database.js';
import { sizeAndHash } from './storable-json.js';

/** A record on its way: its document, and how to make it again from its frame. */
export interface Parcel {
  readonly document: RecordDocument;
  readonly frame: Buffer;
}

/** What became of the records of one delivery. */
export interface DeliveryCounts {
  written: number;
  /** Were there already: from an attempt whose answer got lost, or from a process that was killed. */
  repeated: number;
  /** Another process had written a record of the activation that is believed. */
  yielded: number;
  /** Written without their long parts. */
  reduced: number;
  setAside: number;
}

export interface DeliveryPorts {
  readonly database: RecordDatabase;
  readonly logId: string;
  /** Keeps a record that the database does not take, whatever is done. */
  readonly setAside: (document: RecordDocument, reason: string) => Promise<void>;
  /** The database refuses the size of a request. */
  readonly tooLarge: () => void;
}

/** Results over this many bytes are replaced in a record that is too large; in one that is malformed, every result. */
const REDUCED_RESULT_BYTES = 4096;
const REDUCED_LOG_BYTES = 64 * 1024;
/** Somebody else keeps changing the same records: after so many rounds the whole batch is tried again later. */
const MAX_ROUNDS = 5;

/**
 * Brings the records of one batch into the database, each exactly once: resolves when every one of them is there or set
 * aside. Rejects when the database fails; doing the same again is harmless.
 */
export class Delivery {
  readonly counts: DeliveryCounts = { written: 0, repeated: 0, yielded: 0, reduced: 0, setAside: 0 };

  readonly #ports: DeliveryPorts;

  constructor(ports: DeliveryPorts) {
    this.#ports = ports;
  }

  /** Of two records with one id, only the last may be among them. */
  async deliver(parcels: readonly Parcel[]): Promise<void> {
    let left = parcels;
    let revisions: Map<string, string> | undefined;
    for (let round = 0; left.length > 0; round++) {
      if (round === MAX_ROUNDS) throw new Error(`${left.length} records are changed by somebody else all the time`);
      const outcomes = await this.#write(left, revisions);
      if (outcomes === undefined) return;
      const conflicts = await this.#settle(left, outcomes);
      [left, revisions] = await this.#resolve(conflicts);
    }
  }

  /** Undefined when the request was refused, and its parts were delivered each for itself. */
  async #write(
    parcels: readonly Parcel[],
    revisions: ReadonlyMap<string, string> | undefined,
  ): Promise<readonly WriteOutcome[] | undefined> {
    try {
      return await this.#ports.database.write(
        parcels.map(({ document }) => document),
        revisions,
      );
    } catch (error) {
      if (!(error instanceof BatchRefusedError)) throw error;
      if (error.tooLarge) this.#ports.tooLarge();
      if (parcels.length === 1) {
        await this.#reduceOrSetAside(parcels[0]!, revisions, error);
      } else {
        const middle = parcels.length >> 1;
        await this.deliver(parcels.slice(0, middle));
        await this.deliver(parcels.slice(middle));
      }
      return undefined;
    }
  }

  /** Returns the conflicts. */
  async #settle(parcels: readonly Parcel[], outcomes: readonly WriteOutcome[]): Promise<Parcel[]> {
    const conflicts: Parcel[] = [];
    let failure: string | undefined;
    for (const [i, parcel] of parcels.entries()) {
      const result = outcomes[i]!;
      switch (result.outcome) {
        case 'written':
          this.counts.written++;
          break;
        case 'conflict':
          conflicts.push(parcel);
          break;
        case 'refused':
          await this.#setAside(parcel, result.reason);
          break;
        case 'failed':
          failure ??= result.reason;
      }
    }
    if (failure !== undefined) throw new Error(`CouchDB does not take a record: ${failure}`);
    return conflicts;
  }

  /**
   * What is there already is this very record, an older one of the same log, which is replaced, a later one of the same
   * log, or one of somebody else, who was first. Before all that: what a gateway has told its caller, having given the
   * activation up, replaces what a host says of it, and is replaced by none (`believed`).
   */
  async #resolve(conflicts: readonly Parcel[]): Promise<[Parcel[], Map<string, string>]> {
    const revisions = new Map<string, string>();
    const again: Parcel[] = [];
    if (conflicts.length === 0) return [again, revisions];
    const existing = await this.#ports.database.existing(conflicts.map(({ document }) => document.id));
    for (const parcel of conflicts) {
      const { id, place, givenUp } = parcel.document;
      const found = existing.get(id);
      if (found === undefined) {
        again.push(parcel);
      } else if (found.givenUp !== givenUp) {
        if (givenUp) {
          revisions.set(id, found.revision);
          again.push(parcel);
        } else this.counts.yielded++;
      } else if (found.origin?.log !== this.#ports.logId) {
        this.counts.yielded++;
      } else if (isBefore(found.origin, place)) {
        revisions.set(id, found.revision);
        again.push(parcel);
      } else {
        this.counts.repeated++;
      }
    }
    return [again, revisions];
  }

  async #reduceOrSetAside(
    { document, frame }: Parcel,
    revisions: ReadonlyMap<string, string> | undefined,
    refusal: BatchRefusedError,
  ): Promise<void> {
    const longest = refusal.tooLarge ? REDUCED_RESULT_BYTES : 0;
    const reduced = reducedDocumentOf(frame, document.place, this.#ports.logId, ({ result, logs }) => ({
      result: result.length > longest ? sizeAndHash(result) : result,
      logs: beginningOf(logs),
    }));
    let outcome: WriteOutcome;
    try {
      [outcome] = (await this.#ports.database.write([reduced], revisions)) as [WriteOutcome];
    } catch (error) {
      if (!(error instanceof BatchRefusedError)) throw error;
      outcome = { outcome: 'refused', reason: refusal.message };
    }
    if (outcome.outcome !== 'refused') {
      const conflicts = await this.#settle([{ document: reduced, frame }], [outcome]);
      this.counts.reduced += 1 - conflicts.length;
      const [again, newer] = await this.#resolve(conflicts);
      if (again.length > 0) await this.#reduceOrSetAside({ document, frame }, newer, refusal);
      return;
    }
    await this.#setAside({ document, frame }, outcome.reason);
  }

  /** A proxy in front that refuses everything must not empty the log into a file: the database is asked first. */
  async #setAside({ document }: Parcel, reason: string): Promise<void> {
    await this.#ports.database.ping();
    await this.#ports.setAside(document, reason);
    this.counts.setAside++;
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
