import type { ActionCode, CodeSource } from '../code/code-source.js';
import type { CouchDatabase, CouchDocument } from './couch-database.js';

interface ActionDocument extends CouchDocument {
  readonly exec?: { readonly code?: unknown };
}

/** The attachment with the code, when the document lacks it. */
const CODE_ATTACHMENT = 'codefile';

/** Reads code from the entities' database, for a host agent: one request for each action. */
export class CouchCodeSource implements CodeSource {
  readonly #database: CouchDatabase;

  constructor(database: CouchDatabase) {
    this.#database = database;
  }

  async load(documentId: string, revision: string): Promise<ActionCode> {
    const document = await this.#database.get<ActionDocument>(documentId, { rev: revision, attachments: true });
    const attached = document?._attachments?.[CODE_ATTACHMENT];
    if (attached !== undefined && 'data' in attached) return { code: Buffer.from(attached.data, 'base64').toString() };
    const code = document?.exec?.code;
    if (typeof code !== 'string') throw new Error('Action could not be found or may have been deleted.');
    return { code };
  }
}
