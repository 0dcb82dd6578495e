import { LRUCache } from 'lru-cache';
import { CouchDatabase, type CouchDocument } from './couch-database.js';

/** The code of one revision of an action. */
export interface ActionCode {
  /** Source text, or base64 of an archive when `binary`. */
  readonly code: string;
  readonly binary: boolean;
  readonly kind: string;
  readonly main?: string;
}

/** Where a host agent finds the code of an action, by the document that has it. */
export interface CodeSource {
  /** Throws `CodeGoneError` when that revision is no longer there, and the store's own errors. */
  load(documentId: string, revision: string): Promise<ActionCode>;
}

/** The action was written or deleted, and that revision of its document has gone. */
export class CodeGoneError extends Error {
  override readonly name = 'CodeGoneError';

  constructor() {
    super('Action could not be found or may have been deleted.');
  }
}

interface ActionDocument extends CouchDocument {
  readonly exec?: { readonly kind: string; readonly code?: string; readonly binary: boolean; readonly main?: string };
}

/** The attachment that has the code when it is not in the document. */
export const CODE_ATTACHMENT = 'codefile';
const CACHE_BYTES = 128 * 1024 * 1024;

/** Code from the entities' database: one request for each revision, and none while it is in memory. */
export class CouchCodeSource implements CodeSource {
  private readonly cache: LRUCache<string, ActionCode>;
  private readonly loading = new Map<string, Promise<ActionCode>>();

  /** `maxBytes`: of code in memory. */
  constructor(
    private readonly database: CouchDatabase,
    maxBytes: number = CACHE_BYTES,
  ) {
    this.cache = new LRUCache({ maxSize: maxBytes, sizeCalculation: ({ code }) => code.length + 256 });
  }

  load(documentId: string, revision: string): Promise<ActionCode> {
    const key = `${documentId}@${revision}`;
    const known = this.cache.get(key);
    if (known !== undefined) return Promise.resolve(known);
    const running = this.loading.get(key);
    if (running !== undefined) return running;
    const loading = this.read(documentId, revision)
      .then((code) => {
        this.cache.set(key, code);
        return code;
      })
      .finally(() => this.loading.delete(key));
    this.loading.set(key, loading);
    return loading;
  }

  private async read(documentId: string, revision: string): Promise<ActionCode> {
    const document = await this.database.get<ActionDocument>(documentId, { rev: revision, attachments: true });
    const { kind, binary, main, code } = document?.exec ?? {};
    const attached = document?._attachments?.[CODE_ATTACHMENT];
    const data = attached !== undefined && 'data' in attached ? Buffer.from(attached.data, 'base64').toString() : code;
    if (kind === undefined || data === undefined) throw new CodeGoneError();
    return { code: data, binary: binary === true, kind, ...(main === undefined ? {} : { main }) };
  }
}
