import { ApiError, notEntitled } from '@dataflower/common/http';
import type { Caller } from '../auth/identity.js';

const NAME = /^(?:\w|\w[\w@ .&-]{0,254}[\w@.&-])$/;
const MOST = 256;

/** OW-13. */
export function checkEntityName(name: string): void {
  if (name.length > MOST) throw new ApiError(400, `Name segement longer than allowed: ${name.length} > ${MOST}.`);
  if (!NAME.test(name)) throw new ApiError(400, 'The name of the entity contains illegal characters.');
}

/** OW-13. */
export function checkNamespaceName(name: string): void {
  if (name.length > MOST) throw new ApiError(400, `Namespace longer than allowed: ${name.length} > ${MOST}.`);
  if (!NAME.test(name)) throw new ApiError(400, 'The namespace contains illegal characters.');
}

export function isEntityName(name: string): boolean {
  return NAME.test(name);
}

/** OW-9, OW-10: the namespace that a path names must be the caller's. `what` is what he wants there, if not a listing. */
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
