import type { IncomingMessage } from 'node:http';
import { notAuthenticated } from '@dataflower/common/http';
import type { Authenticator } from './authenticator.js';
import type { Caller } from './identity.js';

/** Who sends this request (OW-2). Throws 401. */
export function authenticated(authenticator: Authenticator, request: IncomingMessage): Caller {
  const caller = authenticator.authenticate(request.headers.authorization);
  if (caller === 'absent')
    throw notAuthenticated('The resource requires authentication, which was not supplied with the request');
  if (caller === 'invalid') throw notAuthenticated('The supplied authentication is invalid');
  return caller;
}
