import { fqn } from '@dataflower/composer';
import { CommandError, messageOf, USAGE_ERROR } from './outcome.js';
import type { Connection } from './properties.js';

export interface ApiAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** Calls the API. Throws `CommandError` when nobody answers; what the answer says is for the caller to judge. */
export async function callApi(
  { apihost, auth }: Connection,
  method: string,
  path: string,
  body?: object,
): Promise<ApiAnswer> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(`${apihost}/api/v1${path}`, {
      method,
      headers: { authorization: `Basic ${Buffer.from(auth).toString('base64')}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    text = await response.text();
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    throw new CommandError(`${apihost} does not answer (${messageOf(cause)}): is the server running?`, 1, {
      cause: error,
    });
  }
  return { status: response.status, body: parse(text) };
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

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
