import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ClientOptions } from './openwhisk.js';

/** How `deploy` shows who it is: by key, by token, or, when neither is said, by what the namespace asks for. */
export type Authentication = 'basic' | 'bearer' | undefined;

/** The whisk property file: lines `KEY=VALUE`; others, and a file that cannot be read, say nothing. */
function properties(env: NodeJS.ProcessEnv): Record<string, string | undefined> {
  let text = '';
  try {
    text = readFileSync(env.WSK_CONFIG_FILE ?? join(homedir(), '.wskprops'), 'utf8');
  } catch {
    return {};
  }
  const lines = text.split('\n').map((line) => line.trim().split('='));
  return Object.fromEntries(lines.filter((parts) => parts.length === 2) as [string, string][]);
}

/**
 * The client's options: what is given, else the environment (`__OW_…`), else the property file. A namespace that is not
 * `_` asks for the token, unless the key is forced. Composer's rules of settings.
 */
export function clientOptions(
  given: ClientOptions,
  authentication: Authentication,
  env: NodeJS.ProcessEnv = process.env,
): ClientOptions {
  const file = properties(env);
  const namespace = env.__OW_NAMESPACE || file.NAMESPACE || '_';
  const token = env.__OW_APIGW_TOKEN || file.APIGW_ACCESS_TOKEN;
  const bearer = authentication === 'bearer' || (authentication !== 'basic' && namespace !== '_');
  return {
    apihost: env.__OW_API_HOST || file.APIHOST,
    apiversion: file.APIVERSION,
    api_key: env.__OW_API_KEY || file.AUTH,
    auth_handler: bearer ? { getAuthHeader: () => Promise.resolve(`Bearer ${token ?? ''}`) } : undefined,
    namespace,
    ...given,
  };
}
