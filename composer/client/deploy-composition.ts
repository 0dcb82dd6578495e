import { parse } from '../combinators/parse.js';
import { conductorAction, type ConductorOptions, type Deployment } from '../conductor/index.js';
import type { DeployedAction, OpenWhisk } from './openwhisk.js';

/** The JSON that `compose` prints of a composition, checked. */
export interface Composed {
  readonly composition: unknown;
  readonly ast: unknown;
  readonly version: string;
  readonly actions?: readonly DeployedAction[];
}

/** Checks that JSON is the output of `compose`. Throws with Composer's texts when it is not (Composer's rules of deployment). */
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

/**
 * Puts the actions defined inside a composition, then the one that holds it, one after the other; with `overwrite` each
 * is deleted before. Returns the actions put. Rejects with the client's error at the first that fails; those before it
 * stay. Composer's rules of deployment.
 */
export async function deployComposition(
  wsk: OpenWhisk,
  deployment: Deployment & { readonly actions?: readonly DeployedAction[] | undefined },
  overwrite: boolean,
  options: ConductorOptions,
): Promise<DeployedAction[]> {
  const actions = [...(deployment.actions ?? []), conductorAction(deployment, options)].map((action) => ({
    ...action,
  }));
  for (const action of actions) {
    if (overwrite) await wsk.actions.delete(action).catch(() => undefined);
    await wsk.actions.create(action);
  }
  return actions;
}
