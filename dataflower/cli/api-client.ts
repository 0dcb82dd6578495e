import { fqn } from '@dataflower/composer';
import { CommandError, messageOf } from './outcome.js';
import type { Connection } from './properties.js';

export interface ApiAnswer {
  readonly status: number;
  /** Undefined when the text is not JSON. */
  readonly body: unknown;
  readonly text: string;
}

/** Calls the API, with `json` as the body. Throws `CommandError` when there is no answer; any status is returned. */
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
    throw new CommandError(`${apihost} does not answer (${reasonOf(error)}): ${advice}`, 'COMMAND_FAILED', {
      cause: error,
    });
  }
  return { status: response.status, body: parse(text), text };
}

/** The error text of an answer that is an error. */
export function refusal({ status, body }: ApiAnswer): string {
  const { error } = (typeof body === 'object' && body !== null ? body : {}) as { error?: unknown };
  return typeof error === 'string' ? error : `HTTP status ${status}`;
}

/** The path of an action; a name without a namespace is completed with `_`, as in Composer. */
export function actionPath(name: string): string {
  const [, namespace, ...rest] = qualified(name).split('/');
  return `/namespaces/${encodeURIComponent(namespace!)}/actions/${rest.map(encodeURIComponent).join('/')}`;
}

/** The name with its namespace; `_` is the caller's own. Throws `CommandError` for an invalid name. */
export function qualified(name: string): string {
  try {
    return fqn(name);
  } catch (error) {
    const forms = 'an action is NAME, PACKAGE/NAME, or either with /NAMESPACE/ before it';
    throw new CommandError(`"${name}" cannot be the name of an action: ${forms}.`, 'COMMAND_USAGE', { cause: error });
  }
}

/** The path of an activation in the caller's namespace. Throws `CommandError` for an invalid id. */
export function activationPath(id: string): string {
  if (/^[0-9a-f]{32}$/.test(id)) return `/namespaces/_/activations/${id}`;
  throw new CommandError(`"${id}" is no activation id: 32 hex digits.`, 'COMMAND_USAGE');
}

/** The cause of a failed `fetch` in one line. */
function reasonOf(error: unknown): string {
  const cause = (error as Error).cause ?? error;
  const { code } = cause as NodeJS.ErrnoException;
  const text = messageOf(cause).trim().split('\n')[0]!;
  // OpenSSL's messages contain thread ids and source files.
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
