import { CodedError } from '../coded-error.js';
import { authoritative } from './record/record.js';
import type { ActivationRecord, RecordFilter, RecordReader } from './record/record.js';

/** Some records cannot be looked up at the moment, so that the answer would be wrong or incomplete. */
export class RecordsUnavailableError extends CodedError<'RECORDS_UNAVAILABLE'> {
  constructor(message: string, options?: ErrorOptions) {
    super('RecordsUnavailableError', 'RECORDS_UNAVAILABLE', true, message, options);
  }
}

/** Where carried records are. */
export interface RecordArchive extends RecordReader {
  /** How many of the activations have a record here. */
  present(namespace: string, activationIds: readonly string[]): Promise<number>;
}

export interface MergedRecordsOptions {
  /** The log of this process, what is not carried yet: asked first. */
  readonly own: RecordReader;
  /** Those of other hosts, reachable or not; the list may change with the hosts. */
  readonly others?: () => readonly RecordReader[];
  readonly archive: RecordArchive;
}

/** Up to so many records that wait, `count` is exact; beyond, one that is being carried may count twice. */
const EXACT_COUNT = 2000;
/** Most records that a listing puts in order in memory. */
const MAX_MERGED = 50_000;
/** How often a page is asked for anew because records came to the archive in the middle. */
const MAX_ROUNDS = 10;
/** Records of a page that are read at once, each by its id. */
const AT_ONCE = 20;

/**
 * Records of which some wait in logs and the others are in the archive. A record is found wherever it is: logs are asked
 * before the archive, so that one that is carried meanwhile is seen in either. Of several of one activation the same is
 * given by every method (`authoritative`).
 *
 * A record that is on hand is given whatever else fails. An answer that would silently leave something out is none: where
 * nothing is found and something could not be asked, and for every listing and count then, the methods reject with
 * RecordsUnavailableError, which names what cannot be read.
 */
export class MergedRecords implements RecordReader {
  readonly #options: MergedRecordsOptions;

  constructor(options: MergedRecordsOptions) {
    this.#options = options;
  }

  async get(namespace: string, activationId: string): Promise<ActivationRecord | undefined> {
    const { own, archive } = this.#options;
    const ask = (reader: RecordReader): Promise<Looked> =>
      reader.get(namespace, activationId).then(
        (record) => ({ record }),
        (cause: unknown) => ({ failure: { reader, cause } }),
      );
    const mine = await ask(own);
    if (mine.record !== undefined) return mine.record;
    const looked = await Promise.all([...this.#others(), archive].map(ask));
    const found = looked.flatMap(({ record }) => record ?? []);
    if (found.length > 0) return found.reduce(authoritative);
    const failed = [mine, ...looked].flatMap(({ failure }) => failure ?? []);
    if (failed.length > 0) throw unavailable(failed);
    return undefined;
  }

  async list(filter: RecordFilter, skip: number, limit: number, brief = false): Promise<ActivationRecord[]> {
    // What is skipped is not read in full.
    if (!brief && skip > 0) return this.#inFull(await this.list(filter, skip, limit, true));
    const wanted = skip + limit;
    const asked = Math.min(wanted, MAX_MERGED);
    const fromLogs = await this.#logs((reader) => reader.list(filter, 0, asked, brief));
    if (fromLogs.some(({ length }) => length < wanted && length === MAX_MERGED)) throw tooMany();
    const waiting = eachOnce(fromLogs.flat());
    // At most so many of those that wait stand before what the archive skips.
    const archiveSkip = Math.max(0, skip - waiting.length);
    const { archived, twice } = await this.#archivedPage(waiting, filter, archiveSkip, wanted - archiveSkip, brief);
    const begin = skip - archiveSkip + twice;
    return newestFirst(eachOnce([...waiting, ...archived])).slice(begin, begin + limit);
  }

  /**
   * A page of the archive, and how many of those that wait are among what it skipped too: they were carried meanwhile.
   * Both have to be of one moment. As records only come to the archive, they are when the number is the same after the
   * page as before it, which nought always is.
   */
  async #archivedPage(
    waiting: readonly ActivationRecord[],
    filter: RecordFilter,
    skip: number,
    limit: number,
    brief: boolean,
  ): Promise<{ archived: readonly ActivationRecord[]; twice: number }> {
    let before: { readonly asked: string; readonly twice: number } | undefined;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const archived = await this.#archive((archive) => archive.list(filter, skip, limit, brief));
      const ids = skip === 0 ? [] : mayBeSkipped(waiting, archived);
      const twice = ids.length === 0 ? 0 : await this.#archive((archive) => archive.present(filter.namespace, ids));
      const asked = ids.join(' ');
      if (twice === 0 || (before?.asked === asked && before.twice === twice)) return { archived, twice };
      before = { asked, twice };
    }
    throw new RecordsUnavailableError(
      'Activation records are carried to CouchDB faster than a page of them can be read: try again, or list fewer.',
    );
  }

  async count(filter: RecordFilter, skip: number): Promise<number> {
    const counts = await this.#logs((reader) => reader.count(filter, 0));
    const sum = counts.reduce((total, count) => total + count, 0);
    const waiting = sum === 0 || sum > EXACT_COUNT ? sum : await this.#notArchived(filter);
    return Math.max(0, waiting + (await this.#archive((archive) => archive.count(filter, 0))) - skip);
  }

  /** How many of the records that wait are not in the archive too: a batch may be there and not yet known to be. */
  async #notArchived(filter: RecordFilter): Promise<number> {
    const waiting = await this.#logs((reader) => reader.list(filter, 0, EXACT_COUNT, true));
    const ids = [...new Set(waiting.flat().map(({ activationId }) => activationId))];
    return ids.length - (await this.#archive((archive) => archive.present(filter.namespace, ids)));
  }

  /** Those that went meanwhile are left out. */
  async #inFull(page: readonly ActivationRecord[]): Promise<ActivationRecord[]> {
    const full: ActivationRecord[] = [];
    for (let at = 0; at < page.length; at += AT_ONCE) {
      const some = page.slice(at, at + AT_ONCE);
      const read = await Promise.all(some.map(({ namespace, activationId }) => this.get(namespace, activationId)));
      full.push(...read.filter((record) => record !== undefined));
    }
    return full;
  }

  #others(): readonly RecordReader[] {
    return this.#options.others?.() ?? [];
  }

  async #logs<T>(ask: (log: RecordReader) => Promise<T>): Promise<T[]> {
    const readers = [this.#options.own, ...this.#others()];
    const asked = await Promise.allSettled(readers.map(ask));
    const failed = asked.flatMap((answer, i) =>
      answer.status === 'rejected' ? [{ reader: readers[i]!, cause: answer.reason as unknown }] : [],
    );
    if (failed.length > 0) throw unavailable(failed);
    return asked.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  }

  async #archive<T>(ask: (archive: RecordArchive) => Promise<T>): Promise<T> {
    try {
      return await ask(this.#options.archive);
    } catch (cause) {
      throw unavailable([{ reader: this.#options.archive, cause }]);
    }
  }
}

interface Looked {
  readonly record?: ActivationRecord | undefined;
  readonly failure?: Failure;
}

interface Failure {
  readonly reader: RecordReader;
  readonly cause: unknown;
}

/** Those that wait and may stand before the page, too. */
function mayBeSkipped(waiting: readonly ActivationRecord[], archived: readonly ActivationRecord[]): string[] {
  const known = new Set(archived.map(({ activationId }) => activationId));
  const newest = archived[0]?.start ?? -Infinity;
  return waiting
    .filter(({ activationId, start }) => start >= newest && !known.has(activationId))
    .map(({ activationId }) => activationId);
}

/** Of several of one activation the one that is authoritative, in the place of the first. */
function eachOnce(records: readonly ActivationRecord[]): ActivationRecord[] {
  const byId = new Map<string, ActivationRecord>();
  for (const record of records) {
    const known = byId.get(record.activationId);
    byId.set(record.activationId, known === undefined ? record : authoritative(known, record));
  }
  return [...byId.values()];
}

/** Of equal starts the earlier in the list comes first. */
function newestFirst(records: readonly ActivationRecord[]): ActivationRecord[] {
  return records.toSorted((a, b) => b.start - a.start);
}

/** Reasons are for the log alone, as they name addresses, unless they are made for who asks. */
function unavailable(failed: readonly Failure[]): RecordsUnavailableError {
  const told = failed.find(({ cause }) => cause instanceof RecordsUnavailableError);
  if (failed.length === 1 && told !== undefined) return told.cause as RecordsUnavailableError;
  const places = [...new Set(failed.map(({ reader }) => reader.place ?? 'this process'))].join(', ');
  const text = `Some activation records cannot be read now: those of ${places}. Try again when it is back.`;
  return new RecordsUnavailableError(text, { cause: failed[0]!.cause });
}

function tooMany(): RecordsUnavailableError {
  return new RecordsUnavailableError(
    `More than ${MAX_MERGED} activation records wait to be carried to CouchDB: list fewer, or from a later time on.`,
  );
}
