import type { ClientOptions } from './openwhisk.js';
import { trimmedHost, wskProperties } from './properties.js';

/** How `deploy` shows who it is: by key, by token, or, when neither is said, by what the namespace asks for. */
export type Authentication = 'basic' | 'bearer' | undefined;

/**
 * The client's options: what is given, else the environment (`__OW_…`), else the property file. A namespace that is not `_`
 * asks for the token, unless the key is forced. Composer's rules of settings. Throws when the property file cannot be read.
 */
export function clientOptions(
  given: ClientOptions,
  authentication: Authentication,
  env: NodeJS.ProcessEnv = process.env,
): ClientOptions {
  const file = wskProperties(env);
  const namespace = env.__OW_NAMESPACE || file.get('NAMESPACE') || '_';
  const token = env.__OW_APIGW_TOKEN || file.get('APIGW_ACCESS_TOKEN');
  const bearer = authentication === 'bearer' || (authentication !== 'basic' && namespace !== '_');
  const apihost = given.apihost ?? (env.__OW_API_HOST || file.get('APIHOST'));
  return {
    apiversion: file.get('APIVERSION'),
    api_key: env.__OW_API_KEY || file.get('AUTH'),
    auth_handler: bearer ? { getAuthHeader: () => Promise.resolve(`Bearer ${token ?? ''}`) } : undefined,
    namespace,
    ...given,
    apihost: apihost === undefined ? undefined : trimmedHost(apihost),
  };
}
