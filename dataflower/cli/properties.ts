import { trimmedHost, wskProperties } from '@dataflower/composer/client';
import { CommandError, type Terminal } from './outcome.js';

/** Address and key of the API. */
export interface Connection {
  /** With scheme, without a slash at its end. */
  readonly apihost: string;
  /** `uuid:key`. */
  readonly auth: string;
  /** Added to the error message when there is no answer. */
  readonly advice: string;
}

export interface ConnectionFlags {
  readonly apihost?: string;
  readonly auth?: string;
}

/** CO-36: flags, else `__OW_API_HOST` and `__OW_API_KEY`, else the property file of `wsk`. Throws `CommandError`. */
export function connectionOf(flags: ConnectionFlags, { environment }: Terminal): Connection {
  // An empty variable counts as missing.
  let apihost = flags.apihost ?? (environment.__OW_API_HOST || undefined);
  let auth = flags.auth ?? (environment.__OW_API_KEY || undefined);
  if (apihost === undefined || auth === undefined) {
    const file = wskProperties(environment);
    apihost ??= file.get('APIHOST');
    auth ??= file.get('AUTH');
  }
  const missing = [...(apihost === undefined ? ['--apihost'] : []), ...(auth === undefined ? ['--auth'] : [])];
  if (apihost === undefined || auth === undefined) {
    throw new CommandError(
      `No API host or key is known: give ${missing.join(' and ')}, or paste the "wsk property set" line that the server prints.`,
    );
  }
  return { ...reachedBy(apihost.trim()), auth };
}

/** The address with its scheme, by default https as in `wsk`. */
function reachedBy(given: string): { readonly apihost: string; readonly advice: string } {
  const hasScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(given);
  const address = hasScheme ? given : `https://${given}`;
  if (!isAddress(address))
    throw new CommandError(
      `"${given}" is not an API host: use HOST, HOST:PORT, or either with http:// or https:// before it.`,
      'COMMAND_USAGE',
    );
  const advice = hasScheme ? 'is the server running?' : `is it a local server? Try http://${trimmedHost(given)}.`;
  return { apihost: trimmedHost(address), advice };
}

function isAddress(text: string): boolean {
  if (/\s/.test(text) || !URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return /^https?:$/.test(protocol) && username + password + search + hash === '' && !/^https?:\/\/\//i.test(text);
}
