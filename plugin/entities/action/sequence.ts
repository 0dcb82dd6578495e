import { ApiError, noSuchEntity, notEntitled } from '@dataflower/common/http';
import type { Caller } from '../../auth/identity.js';
import type { EntityStore } from '../../stores/entity-store.js';
import { isAction, isSequence } from './document.js';

/** The document id of a component `/ns/name`. */
export function documentId(component: string): string {
  return component.slice(1);
}

/** OW-33: checks a sequence before it is stored under `id`. Throws `ApiError`. */
export async function checkSequence(
  caller: Caller,
  id: string,
  components: readonly string[],
  store: EntityStore,
  maxLength: number,
): Promise<void> {
  if (components.length === 0) throw new ApiError(400, 'No component specified for the sequence.');
  if (components.length > maxLength) throw tooLong();
  for (const component of components) {
    const [namespace, ...rest] = documentId(component).split('/');
    if (namespace !== caller.namespace) throw notEntitled([namespace, ...rest].join('/'));
    if (rest.length > 1) throw noSuchEntity();
  }
  const length = await count(components, [id], store, maxLength);
  if (length > maxLength) throw tooLong();
}

async function count(
  components: readonly string[],
  path: readonly string[],
  store: EntityStore,
  maxLength: number,
): Promise<number> {
  let length = 0;
  for (const component of components) {
    const id = documentId(component);
    if (path.includes(id)) throw new ApiError(400, 'Sequence may not refer to itself.');
    // Each level adds at least one action, or closes a cycle.
    if (path.length > maxLength) throw tooLong();
    const document = await store.get(id);
    if (!isAction(document)) throw new ApiError(400, 'Sequence component does not exist.');
    length += isSequence(document.exec) ? await count(document.exec.components, [...path, id], store, maxLength) : 1;
    if (length > maxLength) throw tooLong();
  }
  return length;
}

function tooLong(): ApiError {
  return new ApiError(400, 'Too many actions in the sequence.');
}
