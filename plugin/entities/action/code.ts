import { ApiError } from '@dataflower/common/http';
import type { EntityStore } from '../../stores/entity-store.js';
import { type ActionDocument, CODE_ATTACHMENT, isSequence } from './document.js';

/** The action was written or deleted between the reading of its document and that of its code. */
export class CodeGoneError extends ApiError {
  constructor() {
    super(409, 'Concurrent modification to resource detected.');
  }
}

/** The code of an action as it was put; undefined for a sequence. Throws `CodeGoneError`. */
export async function codeOf(document: ActionDocument, store: EntityStore): Promise<string | undefined> {
  return (await codeBytesOf(document, store))?.toString();
}

/** The same as UTF-8. */
export async function codeBytesOf(document: ActionDocument, store: EntityStore): Promise<Buffer | undefined> {
  const { exec } = document;
  if (isSequence(exec)) return undefined;
  if (exec.code !== undefined) return Buffer.from(exec.code);
  const stored = await store.attachment(document._id, document._rev!, CODE_ATTACHMENT);
  if (stored === undefined) throw new CodeGoneError();
  return stored;
}

const MOST_READS = 10;

/** An action with the code that belongs to it: read once more when it was written in between. */
export async function withCode<T extends ActionDocument | undefined>(
  read: () => Promise<T>,
  store: EntityStore,
): Promise<{ document: T; code: Buffer | undefined }> {
  for (let reads = 1; ; reads++) {
    const document = await read();
    try {
      return { document, code: document === undefined ? undefined : await codeBytesOf(document, store) };
    } catch (error) {
      if (!(error instanceof CodeGoneError) || reads === MOST_READS) throw error;
    }
  }
}
