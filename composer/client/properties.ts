import { homedir } from 'node:os';
import { join } from 'node:path';
import { readText } from '../files/index.js';

/**
 * The whisk property file, `WSK_CONFIG_FILE` or `~/.wskprops`, as `wsk` reads it: lines `KEY=VALUE`, white space around both
 * and what follows a `#` left out; other lines say nothing, nor does a file that is not there. Throws an error that names
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
