import { conductorAction, type ConductorOptions, type Deployment } from '../conductor/index.js';
import type { DeployedAction, OpenWhisk } from './openwhisk.js';

/**
 * Puts the actions defined inside a composition, then the one that holds it, one after the other; with `overwrite` each
 * is deleted before. Gives what was put. Rejects with the client's error at the first that fails; those before it
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
