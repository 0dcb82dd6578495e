import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { CouchClient } from './couch-client.js';
import { CouchDatabase, type CouchDocument } from './couch-database.js';
import { CouchRefusedError, CouchSchemaError, CouchUnavailableError } from './errors.js';

/** A design document's views, by name. */
export type Views = Readonly<Record<string, { readonly map: string; readonly reduce?: string }>>;

/** The schema of a database. */
export interface DatabaseSchema {
  /** Version of the documents and the views; a database with a higher one is not touched. */
  readonly version: number;
  /** Views by the name of their design document. The name has the version, so that an older plugin keeps using its own. */
  readonly designs: Readonly<Record<string, Views>>;
  /** Changes the documents of version `from` into those of `from + 1`; may run twice and concurrently. */
  readonly migrate?: (database: CouchDatabase, from: number) => Promise<void>;
}

/** A database that is ready to be used. */
export interface PreparedDatabase {
  /** An id that is made with the database: it differs after the database was deleted and created again. */
  readonly incarnation: string;
  /** The position of the changes feed before the first read. */
  readonly sequence: string | number;
  /** Nodes of the cluster that keep each document; with 1 no two can disagree. */
  readonly copies: number;
}

interface Marker extends CouchDocument {
  readonly dataflower?: { readonly schema: number; readonly database: string };
}

interface Design extends CouchDocument {
  readonly views?: Views;
}

/** The document with the incarnation and the schema of the database. */
export const MARKER_ID = '_design/dataflower';
/** Plugins that start at the same time do not undo each other's writes: in each round at least one succeeds. */
const MAX_ROUNDS = 20;
const INDEX_MS = 600_000;
const ADMINS_ONLY = { names: [], roles: ['_admin'] };

/**
 * Creates a database and its views where they are missing, migrates its documents to this version, and waits until the
 * views are built; with `written` it does not wait, for callers that only write. Any number of processes may call it at
 * once. Rejects with `CouchSchemaError` when the database has a newer schema.
 */
export async function prepareDatabase(
  client: CouchClient,
  name: string,
  schema: DatabaseSchema,
  views: 'built' | 'written' = 'built',
): Promise<PreparedDatabase> {
  const database = new CouchDatabase(client, name);
  await create(client, name);
  const incarnation = await mark(database, schema);
  for (const [design, definitions] of Object.entries(schema.designs)) {
    await write(database, `_design/${design}`, definitions);
    if (views === 'written') continue;
    for (const view of Object.keys(definitions)) await built(database, design, view);
  }
  const { update_seq: sequence, cluster } = await client.request<{
    readonly update_seq: string | number;
    readonly cluster?: { readonly n?: number };
  }>({ method: 'GET', path: [name] });
  return { incarnation, sequence, copies: cluster?.n ?? 1 };
}

/** The incarnation of `PreparedDatabase`; undefined for a database without a marker. */
export async function incarnationOf(database: CouchDatabase): Promise<string | undefined> {
  return (await database.get<Marker>(MARKER_ID))?.dataflower?.database;
}

/** Documents hold keys and code: the database is for administrators alone, as is CouchDB 3's default. */
async function create(client: CouchClient, name: string): Promise<void> {
  try {
    await client.request({ method: 'GET', path: [name], retries: 0 });
    return;
  } catch (error) {
    if (!(error instanceof CouchUnavailableError) || error.retryable) throw error;
  }
  try {
    await client.request({ method: 'PUT', path: [name] });
    const body = { admins: ADMINS_ONLY, members: ADMINS_ONLY };
    await client.request({ method: 'PUT', path: [name, '_security'], body });
  } catch (error) {
    // Another process created it at the same time; or the server has no rights to set.
    if (!(error instanceof CouchRefusedError) || ![412, 501].includes(error.status)) throw error;
  }
}

async function mark(database: CouchDatabase, schema: DatabaseSchema): Promise<string> {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const marker = await database.get<Marker>(MARKER_ID);
    const known = marker?.dataflower;
    if (known !== undefined && known.schema > schema.version) {
      throw new CouchSchemaError(
        `The database ${database.name} was written by a newer DataFlower (schema ${known.schema}, this one knows ${schema.version}): upgrade this process, or give it another couchdb.prefix.`,
      );
    }
    if (known?.schema === schema.version) return known.database;
    if (known !== undefined) await schema.migrate?.(database, known.schema);
    const next = {
      schema: known === undefined ? schema.version : known.schema + 1,
      database: known?.database ?? randomUUID(),
    };
    await database.put({ ...marker, _id: MARKER_ID, language: 'javascript', dataflower: next } as CouchDocument);
  }
  throw new CouchUnavailableError(`The schema of the database ${database.name} changes all the time.`);
}

async function write(database: CouchDatabase, id: string, views: Views): Promise<void> {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const design = await database.get<Design>(id);
    if (design !== undefined && sameJson(design.views, views)) return;
    await database.put({ ...design, _id: id, language: 'javascript', views } as CouchDocument);
  }
  throw new CouchUnavailableError(`The views ${id} of the database ${database.name} change all the time.`);
}

/** Equal whatever the order of members and the realm of the objects. */
function sameJson(a: unknown, b: unknown): boolean {
  const copy = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null));
  return isDeepStrictEqual(copy(a), copy(b));
}

/** CouchDB builds a view when it is queried. A slow build fails the query, not the build. */
async function built(database: CouchDatabase, design: string, view: string): Promise<void> {
  const endsAt = performance.now() + INDEX_MS;
  for (;;) {
    try {
      await database.view(design, view, { reduce: false, limit: 1 });
      return;
    } catch (error) {
      if (!(error instanceof CouchUnavailableError) || !error.retryable || performance.now() > endsAt) throw error;
    }
  }
}
