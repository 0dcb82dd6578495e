import { homedir } from 'node:os';
import { join } from 'node:path';
import { readText } from '../files/index.js';
import type { ClientOptions } from './openwhisk.js';

/** How `deploy` authenticates: by key, by token, or, by default, as the namespace demands. */
export type Authentication = 'basic' | 'bearer' | undefined;

/**
 * The client's options: as given, else the environment (`__OW_…`), else the property file. A namespace that is not `_`
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

/**
 * The whisk property file, `WSK_CONFIG_FILE` or `~/.wskprops`, as `wsk` reads it: lines `KEY=VALUE`, white space around both
 * and comments (`#`) are left out; other lines are ignored, and so is a missing file. Throws an error that names
 * the file when it cannot be read.
 */
export function wskProperties(env: Readonly<Record<string, string | undefined>>): ReadonlyMap<string, string> {
  const path = env.WSK_CONFIG_FILE ?? join(env.HOME ?? homedir(), '.wskprops');
  const lines = readText(path, { missing: '' }).split('\n');
  const pairs = lines.map((line) =>
    line
      .replace(/#.*/s, '')
      .split('=')
      .map((part) => part.trim()),
  );
  return new Map(pairs.filter((parts): parts is [string, string] => parts.length === 2));
}

/** An address without the slashes at its end, behind which a path could not be put. */
export function trimmedHost(apihost: string): string {
  return apihost.trim().replace(/\/+$/, '');
}
