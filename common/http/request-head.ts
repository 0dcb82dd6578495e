import type { IncomingMessage } from 'node:http';
import type { NewId } from '../ids.js';

const ABSOLUTE = /^[a-z][a-z\d+.-]*:\/\/([^/?#]*)(.*)$/is;
const SLASH = 0x2f;
const TRANSACTION_ID = /^[\x21-\x7e]{1,128}$/;

/**
 * Reduces a request's target to path and query, the form that routes expect, and returns the host that it names. A target may
 * be a whole URL, whose host then counts instead of the header's (RFC 9112, 3.2.2), or `*`, which is the server itself.
 */
export function takeTarget(request: IncomingMessage): string | undefined {
  const { url = '/', headers } = request;
  if (url.charCodeAt(0) === SLASH) return headers.host;
  const [, authority, path = ''] = ABSOLUTE.exec(url) ?? [];
  if (authority !== undefined) request.url = path.startsWith('/') ? path : `/${path}`;
  else if (url === '*') request.url = '/';
  return authority ?? headers.host;
}

/** OW-3: the id that the caller sent in `X-Request-ID`, when it is valid, else a new one. */
export function takeTransactionId({ headers }: IncomingMessage, newId: NewId): string {
  const sent = headers['x-request-id'];
  return typeof sent === 'string' && TRANSACTION_ID.test(sent) && !sent.startsWith('sid_') ? sent : newId();
}
