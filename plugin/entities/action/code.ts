import { ApiError } from '@dataflower/common/http';
import type { EntityStore } from '../../stores/entity-store.js';
import { type ActionDocument, CODE_ATTACHMENT, isSequence } from './document.js';

/** Code that is too large to be handled as text in one turn of the event loop. */
export class LargeCode {
  /** @param bytes UTF-8. @param binary OW-28: it is base64. */
  constructor(
    readonly bytes: Buffer,
    readonly binary: boolean,
  ) {}
}

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** OW-28: the trimmed text is base64 by its alphabet and length. */
export function isBinaryCode(code: string): boolean {
  const trimmed = code.trim();
  return trimmed !== '' && trimmed.length % 4 === 0 && BASE64.test(trimmed);
}

class CodeGoneError extends ApiError {}

/** The error for an action that was changed or deleted between the reads of its document and its code. */
export function codeGone(): ApiError {
  return new CodeGoneError(409, 'Concurrent modification to resource detected.');
}

/** Whether reading document and code again may succeed. */
export function isCodeGone(error: unknown): boolean {
  return error instanceof CodeGoneError;
}

/** The code of an action as text; undefined for a sequence. Throws `codeGone`. */
export async function codeOf(document: ActionDocument, store: EntityStore): Promise<string | undefined> {
  return (await codeBytesOf(document, store))?.toString();
}

/** The code of an action in UTF-8; undefined for a sequence. Throws `codeGone`. */
export async function codeBytesOf(document: ActionDocument, store: EntityStore): Promise<Buffer | undefined> {
  const { exec } = document;
  if (isSequence(exec)) return undefined;
  if (exec.code !== undefined) return Buffer.from(exec.code);
  const stored = await store.attachment(document._id, document._rev!, CODE_ATTACHMENT);
  if (stored === undefined) throw codeGone();
  return stored;
}

const MAX_READS = 10;

/** An action with the code of the same revision: both are read again when the action was written in between. */
export async function withCode<T extends ActionDocument | undefined>(
  read: () => Promise<T>,
  store: EntityStore,
): Promise<{ document: T; code: Buffer | undefined }> {
  for (let reads = 1; ; reads++) {
    const document = await read();
    try {
      return { document, code: document === undefined ? undefined : await codeBytesOf(document, store) };
    } catch (error) {
      if (!isCodeGone(error) || reads === MAX_READS) throw error;
    }
  }
}
