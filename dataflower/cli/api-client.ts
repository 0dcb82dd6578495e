import { fqn } from '@dataflower/composer';
import { CommandError, messageOf, USAGE_ERROR } from './outcome.js';
import type { Connection } from './properties.js';

export interface ApiAnswer {
  readonly status: number;
  /** Undefined when the text is no JSON. */
  readonly body: unknown;
  readonly text: string;
}

/**
 * Calls the API, with `json` as the body. Throws `CommandError` when nobody answers; what the answer says is for the caller to
 * judge.
 */
export async function callApi(
  { apihost, auth, advice }: Connection,
  method: string,
  path: string,
  json?: string,
): Promise<ApiAnswer> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(`${apihost}/api/v1${path}`, {
      method,
      headers: { authorization: `Basic ${Buffer.from(auth).toString('base64')}`, 'content-type': 'application/json' },
      ...(json === undefined ? {} : { body: json }),
    });
    text = await response.text();
  } catch (error) {
    throw new CommandError(`${apihost} does not answer (${reasonOf(error)}): ${advice}`, 1, { cause: error });
  }
  return { status: response.status, body: parse(text), text };
}

/** The error text of an answer that refuses. */
export function refusal({ status, body }: ApiAnswer): string {
  const { error } = (typeof body === 'object' && body !== null ? body : {}) as { error?: unknown };
  return typeof error === 'string' ? error : `HTTP status ${status}`;
}

/** Of an action by its name, as Composer completes it: without a namespace it is the caller's own. */
export function actionPath(name: string): string {
  const [, namespace, ...rest] = qualified(name).split('/');
  return `/namespaces/${encodeURIComponent(namespace!)}/actions/${rest.map(encodeURIComponent).join('/')}`;
}

/** The name with its namespace; `_` is the caller's own. Throws `CommandError` for what is no name. */
export function qualified(name: string): string {
  try {
    return fqn(name);
  } catch (error) {
    const forms = 'an action is NAME, PACKAGE/NAME, or either with /NAMESPACE/ before it';
    throw new CommandError(`"${name}" cannot be the name of an action: ${forms}.`, USAGE_ERROR, { cause: error });
  }
}

/** Of the caller's activation by its id. Throws `CommandError` for what is no id. */
export function activationPath(id: string): string {
  if (/^[0-9a-f]{32}$/.test(id)) return `/namespaces/_/activations/${id}`;
  throw new CommandError(`"${id}" is no activation id: 32 hex digits.`, USAGE_ERROR);
}

/** Why a request has failed, in one line: what is behind the error of `fetch`. */
function reasonOf(error: unknown): string {
  const cause = (error as Error).cause ?? error;
  const { code } = cause as NodeJS.ErrnoException;
  const text = messageOf(cause).trim().split('\n')[0]!;
  // OpenSSL's texts name its threads and source files.
  if (text === '' || text.includes('SSL routines')) return code ?? 'no reason was given';
  return text;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
