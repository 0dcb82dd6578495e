import { ApiError, inOtherCollection, noSuchEntity, notEntitled } from '@dataflower/common/http';
import type { Caller } from '../auth/identity.js';
import type { EntityStore } from '../stores/entity-store.js';

const NAME = /^(?:\w|\w[\w@ .&-]{0,254}[\w@.&-])$/;
const MAX_CHARS = 256;

/** OW-13. */
export function checkEntityName(name: string): void {
  if (name.length > MAX_CHARS)
    throw new ApiError(400, `Name segement longer than allowed: ${name.length} > ${MAX_CHARS}.`);
  if (!NAME.test(name)) throw new ApiError(400, 'The name of the entity contains illegal characters.');
}

/** OW-13. */
export function checkNamespaceName(name: string): void {
  if (name.length > MAX_CHARS) throw new ApiError(400, `Namespace longer than allowed: ${name.length} > ${MAX_CHARS}.`);
  if (!NAME.test(name)) throw new ApiError(400, 'The namespace contains illegal characters.');
}

export function isEntityName(name: string): boolean {
  return NAME.test(name);
}

/** OW-9, OW-10: the namespace that a path names must be the caller's. `what` is the entity in it, if one is named. */
export function entitledNamespace(caller: Caller, namespace: string, what?: string): string {
  if (namespace === '_' || namespace === caller.namespace) return caller.namespace;
  checkNamespaceName(namespace);
  throw notEntitled(what === undefined ? namespace : `${namespace}/${what}`);
}

/** One segment of a path, percent-decoded. */
export function decodeSegment(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new ApiError(400, 'The request target contains an illegal percent-encoding.');
  }
}

/** The error for an entity that is not in the collection: another collection has its name (OW-14), or none has. */
export async function whyNotHere(id: string, store: EntityStore): Promise<ApiError> {
  return (await store.get(id)) === undefined ? noSuchEntity() : inOtherCollection();
}
