import type { EntityStore } from '../stores/entity-store.js';
import { type ActionDocument, CODE_ATTACHMENT, isSequence } from './action-document.js';

/** The code of an action as it was put; undefined for a sequence. */
export async function codeOf(document: ActionDocument, store: EntityStore): Promise<string | undefined> {
  const { exec } = document;
  if (isSequence(exec)) return undefined;
  if (exec.code !== undefined) return exec.code;
  const stored = await store.attachment(document._id, document._rev!, CODE_ATTACHMENT);
  if (stored === undefined) throw new Error('Action could not be found or may have been deleted.');
  return stored.toString();
}
