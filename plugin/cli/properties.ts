import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { CommandError, type Terminal } from './outcome.js';

/** Where the API is and who calls it. */
export interface Connection {
  /** With scheme, without a slash at its end. */
  readonly apihost: string;
  /** `uuid:key`. */
  readonly auth: string;
}

export interface ConnectionFlags {
  readonly apihost?: string;
  readonly auth?: string;
}

/** CO-36: flags, else `__OW_API_HOST` and `__OW_API_KEY`, else the property file of `wsk`. */
export function connectionOf(flags: ConnectionFlags, { environment }: Terminal): Connection {
  const file = readProperties(environment.WSK_CONFIG_FILE ?? join(environment.HOME ?? homedir(), '.wskprops'));
  const apihost = flags.apihost ?? environment.__OW_API_HOST ?? file.get('APIHOST');
  const auth = flags.auth ?? environment.__OW_API_KEY ?? file.get('AUTH');
  const missing = [...(apihost === undefined ? ['--apihost'] : []), ...(auth === undefined ? ['--auth'] : [])];
  if (apihost === undefined || auth === undefined) {
    throw new CommandError(
      `No API host or key is known: give ${missing.join(' and ')}, or paste the "wsk property set" line that the server prints.`,
    );
  }
  const withScheme = /^https?:\/\//.test(apihost) ? apihost : `https://${apihost}`;
  return { apihost: withScheme.replace(/\/+$/, ''), auth };
}

function readProperties(path: string): Map<string, string> {
  let text = '';
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return new Map();
  }
  const lines = text.split('\n').map((line) => line.trim().split('='));
  return new Map(lines.filter((parts): parts is [string, string] => parts.length === 2));
}
