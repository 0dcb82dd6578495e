import { parse } from '../combinators/parse.js';
import type { DeployedAction } from './openwhisk.js';

/** What `compose` prints of a composition, checked. */
export interface Composed {
  readonly composition: unknown;
  readonly ast: unknown;
  readonly version: string;
  readonly actions?: readonly DeployedAction[];
}

/** JSON as what `compose` prints. Throws with Composer's texts when it is something else (Composer's rules of deployment). */
export function checkComposed(json: unknown): Composed {
  const check = (holds: boolean, message: string): void => {
    if (!holds) throw new Error(message);
  };
  check(typeof json === 'object' && json !== null, 'Composition must be a dictionary');
  const { ast, composition, version, actions } = json as Record<string, unknown>;
  check(typeof ast === 'object', 'Composition must have a field "ast" of type dictionary');
  check(typeof composition === 'object', 'Composition must have a field "composition" of type dictionary');
  check(typeof version === 'string', 'Composition must have a field "version" of type string');
  check(actions === undefined || Array.isArray(actions), 'Optional field "actions" must be an array');
  return { ...(json as Composed), composition: parse(composition) };
}
