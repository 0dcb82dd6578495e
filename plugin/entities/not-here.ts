import { type ApiError, inOtherCollection, noSuchEntity } from '@dataflower/common/http';
import type { EntityStore } from '../stores/entity-store.js';

/** Why an entity is not in a collection: another one has its name (OW-14), or there is none. */
export async function whyNotHere(id: string, store: EntityStore): Promise<ApiError> {
  return (await store.get(id)) === undefined ? noSuchEntity() : inOtherCollection();
}
