import { randomUUID } from 'node:crypto';
import type { CouchClient } from './couch-client.js';
import { CouchRefusedError } from './errors.js';

/** A document of CouchDB. */
export interface CouchDocument {
  readonly _id: string;
  readonly _rev?: string;
  readonly _attachments?: Readonly<Record<string, CouchAttachment>>;
}

/** A stub refers to an attachment that is stored already; otherwise `data` is base64. */
export type CouchAttachment =
  | { readonly stub: true; readonly content_type: string; readonly digest: string; readonly length: number }
  | { readonly content_type: string; readonly data: string };

export interface ViewQuery {
  readonly startkey?: readonly unknown[];
  readonly endkey?: readonly unknown[];
  readonly skip?: number;
  readonly limit?: number;
  readonly reduce: boolean;
  readonly include_docs?: boolean;
}

export interface ViewRow<T> {
  readonly id: string;
  readonly key: unknown;
  readonly value: unknown;
  /** Missing when the document was deleted after the view was read. */
  readonly doc?: T | null;
}

/** The field with the id of the write that made a revision: it identifies a write whose answer was lost. */
const WRITE_ID = 'dataflowerWrite';

/** 404: the document is gone. 409: there is another revision. 412: the attachment of a stub went with its revision. */
const LOST_RACE: ReadonlySet<number> = new Set([404, 409, 412]);

/** The documents of one database. A lost race gives undefined; every other failure rejects with the client's errors. */
export class CouchDatabase {
  constructor(
    readonly client: CouchClient,
    readonly name: string,
  ) {}

  /** One request. `query`: `rev`, `attachments`. */
  async get<T extends CouchDocument>(
    id: string,
    query?: { readonly rev?: string; readonly attachments?: boolean },
  ): Promise<T | undefined> {
    const found = await this.#read<T>(id, query);
    return found === undefined ? undefined : withoutWriteId(found);
  }

  /** One request, durable when it is answered, since CouchDB 3 has no delayed commits. Resolves with the new `_rev`. */
  async put(document: CouchDocument): Promise<string | undefined> {
    const write = randomUUID();
    try {
      const answer = await this.client.request<{ readonly rev: string }>({
        method: 'PUT',
        path: this.#pathOf(document._id),
        body: { ...document, [WRITE_ID]: write },
      });
      return answer.rev;
    } catch (error) {
      if (!isLostRace(error)) throw error;
      if (!error.afterUncertainty) return undefined;
      const stored = await this.#read<CouchDocument & { [WRITE_ID]?: string }>(document._id);
      return stored?.[WRITE_ID] === write ? stored._rev : undefined;
    }
  }

  /** Resolves with false when the stored revision differs, or there is none. */
  async remove(id: string, rev: string): Promise<boolean> {
    try {
      await this.client.request({ method: 'DELETE', path: this.#pathOf(id), query: { rev } });
      return true;
    } catch (error) {
      if (!isLostRace(error)) throw error;
      return error.afterUncertainty && (await this.#read(id)) === undefined;
    }
  }

  async view<T extends CouchDocument>(design: string, view: string, query: ViewQuery): Promise<readonly ViewRow<T>[]> {
    const path = [this.name, '_design', design, '_view', view];
    const { rows } = await this.client.request<{ rows: readonly ViewRow<T>[] }>({
      method: 'GET',
      path,
      query: { ...query },
    });
    return rows.map((row) => (row.doc ? { ...row, doc: withoutWriteId(row.doc) } : row));
  }

  /** All documents by id, design documents included, about `size` at once. */
  async *pages<T extends CouchDocument>(size: number): AsyncGenerator<readonly T[]> {
    for (let after: string | undefined; ;) {
      const { rows } = await this.client.request<{ rows: readonly ViewRow<T>[] }>({
        method: 'GET',
        path: [this.name, '_all_docs'],
        query: { include_docs: true, limit: size + 1, ...(after === undefined ? {} : { startkey: after }) },
      });
      // The last document of the page before may be deleted: then another one is first.
      const next = rows.filter(({ id }) => id !== after);
      yield next.flatMap(({ doc }) => (doc ? [withoutWriteId(doc)] : []));
      if (rows.length <= size) return;
      after = rows.at(-1)!.id;
    }
  }

  async #read<T extends CouchDocument>(id: string, query?: object): Promise<T | undefined> {
    try {
      return await this.client.request<T>({
        method: 'GET',
        path: this.#pathOf(id),
        ...(query === undefined ? {} : { query: { ...query } }),
      });
    } catch (error) {
      if (error instanceof CouchRefusedError && error.status === 404) return undefined;
      throw error;
    }
  }

  #pathOf(id: string): string[] {
    const design = /^_design\/(.*)$/.exec(id)?.[1];
    return design === undefined ? [this.name, id] : [this.name, '_design', design];
  }
}

function withoutWriteId<T extends CouchDocument>(stored: T): T {
  const document: Partial<T> & { [WRITE_ID]?: string } = { ...stored };
  delete document[WRITE_ID];
  return document as T;
}

function isLostRace(error: unknown): error is CouchRefusedError {
  return error instanceof CouchRefusedError && LOST_RACE.has(error.status);
}
