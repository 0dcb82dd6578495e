import { RecordsUnavailableError } from './record/errors.js';
import { authoritative } from './record/record.js';
import type { ActivationRecord, RecordFilter, RecordReader } from './record/record.js';

/** The store of the replicated records. */
export interface RecordArchive extends RecordReader {
  /** The number of these activations that have a record here. */
  present(namespace: string, activationIds: readonly string[]): Promise<number>;
}

export interface MergedRecordsOptions {
  /** The waiting records of this process: asked first. */
  readonly own: RecordReader;
  /** The waiting records of other hosts, reachable or not; the list may change with the hosts. */
  readonly others?: () => readonly RecordReader[];
  readonly archive: RecordArchive;
}

/** Waiting records up to which `count` is exact; with more, a record that is being replicated may count twice. */
const EXACT_COUNT = 2000;
/** Most records that a listing sorts in memory. */
const MAX_MERGED = 50_000;
/** Attempts to read a page while records arrive in the archive. */
const MAX_ROUNDS = 10;
/** Records of a page that are read concurrently, each by its id. */
const AT_ONCE = 20;

/**
 * Merges the records that wait in logs with those in the archive. Logs are asked before the archive, so that a record that
 * is replicated meanwhile is found in at least one. Of several records of one activation every method returns the same
 * (`authoritative`).
 *
 * A record that is found is returned whatever else fails. No answer leaves a record out silently: when a store cannot be
 * asked, a search that finds nothing, every listing and every count reject with RecordsUnavailableError, which names the
 * store.
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
    // Skipped records are not read in full.
    if (!brief && skip > 0) return this.#inFull(await this.list(filter, skip, limit, true));
    const wanted = skip + limit;
    const asked = Math.min(wanted, MAX_MERGED);
    const fromLogs = await this.#logs((reader) => reader.list(filter, 0, asked, brief));
    if (fromLogs.some(({ length }) => length < wanted && length === MAX_MERGED)) throw tooMany();
    const waiting = eachOnce(fromLogs.flat());
    // At most this many of the waiting records precede the first one that the archive returns.
    const archiveSkip = Math.max(0, skip - waiting.length);
    const { archived, twice } = await this.#archivedPage(waiting, filter, archiveSkip, wanted - archiveSkip, brief);
    const begin = skip - archiveSkip + twice;
    return newestFirst(eachOnce([...waiting, ...archived])).slice(begin, begin + limit);
  }

  /**
   * A page of the archive, and the number of waiting records that it skipped, since they were replicated meanwhile. Both
   * must be of one moment. Records are only added to the archive, so they are when the number is the same before and after
   * the page; zero always is.
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

  /** The number of waiting records that are not in the archive: a batch may be there before its log knows. */
  async #notArchived(filter: RecordFilter): Promise<number> {
    const waiting = await this.#logs((reader) => reader.list(filter, 0, EXACT_COUNT, true));
    const ids = [...new Set(waiting.flat().map(({ activationId }) => activationId))];
    return ids.length - (await this.#archive((archive) => archive.present(filter.namespace, ids)));
  }

  /** Records that were deleted meanwhile are left out. */
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

/** The waiting records that may precede the page. */
function mayBeSkipped(waiting: readonly ActivationRecord[], archived: readonly ActivationRecord[]): string[] {
  const known = new Set(archived.map(({ activationId }) => activationId));
  const newest = archived[0]?.start ?? -Infinity;
  return waiting
    .filter(({ activationId, start }) => start >= newest && !known.has(activationId))
    .map(({ activationId }) => activationId);
}

/** Of several records of one activation the authoritative one, in the place of the first. */
function eachOnce(records: readonly ActivationRecord[]): ActivationRecord[] {
  const byId = new Map<string, ActivationRecord>();
  for (const record of records) {
    const known = byId.get(record.activationId);
    byId.set(record.activationId, known === undefined ? record : authoritative(known, record));
  }
  return [...byId.values()];
}

/** Stable: records with equal starts keep their order. */
function newestFirst(records: readonly ActivationRecord[]): ActivationRecord[] {
  return records.toSorted((a, b) => b.start - a.start);
}

/** Causes may name addresses and go to the log alone, unless they are made for the caller. */
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
