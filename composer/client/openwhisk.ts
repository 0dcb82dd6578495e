import { createRequire } from 'node:module';
import type { NamedAction } from '../conductor/index.js';
import type { Asking } from './platform.js';

/** The part of the `openwhisk` client that `deploy` uses. */
export interface OpenWhisk {
  readonly actions: {
    create(action: DeployedAction): Promise<unknown>;
    delete(action: DeployedAction): Promise<unknown>;
  };
}

/** An action to be put: one defined inside a composition, or the one that holds it. */
export type DeployedAction = NamedAction | { readonly name: string; readonly action: unknown };

/** Options of the `openwhisk` client. */
export interface ClientOptions {
  readonly apihost?: string | undefined;
  readonly apiversion?: string | undefined;
  readonly api_key?: string | undefined;
  readonly auth_handler?: { getAuthHeader: () => Promise<string> } | undefined;
  readonly namespace?: string | undefined;
  /** The client itself looks at `__OW_IGNORE_CERTS` too. */
  readonly ignore_certs?: boolean | undefined;
}

/** A client. Throws when there is no key or no host. */
export const openwhisk = createRequire(import.meta.url)('openwhisk') as (options: ClientOptions) => OpenWhisk & Asking;
