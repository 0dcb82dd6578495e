import type { ActionCode, CodeSource } from '@dataflower/common/code';
import { CODE_ATTACHMENT } from '../entities/action/document.js';
import type { EntityStore, Release } from '../stores/entity-store.js';
import type { StoredCode } from './target-codes.js';

/** The code of actions in an entity store, where it is too large for their documents. */
export class StoreCode implements CodeSource {
  readonly #store: Pick<EntityStore, 'attachment' | 'hold'>;

  constructor(store: Pick<EntityStore, 'attachment' | 'hold'>) {
    this.#store = store;
  }

  /** As `EntityStore.hold`. */
  hold({ documentId, revision }: StoredCode): Release | undefined | Promise<Release | undefined> {
    return this.#store.hold(documentId, revision, CODE_ATTACHMENT);
  }

  async load(documentId: string, revision: string): Promise<ActionCode> {
    const stored = await this.#store.attachment(documentId, revision, CODE_ATTACHMENT);
    if (stored === undefined) throw new Error('Action could not be found or may have been deleted.');
    return { code: stored.toString() };
  }
}
