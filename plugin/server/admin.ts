import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ApiError, malformed, noSuchRoute, sendError, sendJson } from '@dataflower/common/http';
import { asApiError } from '../entities/api-error.js';
import type { BodyBudget } from '../http/body-budget.js';
import { bodyObject } from '../routes/context.js';
import { isEntityName } from '../entities/names.js';
import { parseObject } from '../http/json.js';
import { authorizationOf, type Caller } from '../auth/identity.js';
import type { Subjects } from '../auth/subjects.js';
import { STATUS_PATH, type StatusReport } from './status.js';

/** Path of `dataflower user …` for a running server, which keeps the data directory locked. */
export const USERS_PATH = '/dataflower/v1/users';
const MAX_BODY_BYTES = 65_536;
/** Owner of these bodies in the body budget. No namespace begins with a space. */
const OPERATOR = ' operator';

/** A new key for this run of the server. It is stored in the data directory, for users who can read that. */
export function newOperatorKey(): string {
  return randomBytes(32).toString('hex');
}

/** A user in the output of the command line. */
export function userJson(caller: Caller): { name: string; authorization: string } {
  return { name: caller.subject, authorization: authorizationOf(caller) };
}

/**
 * Adds a user; also called by the command line when no server runs. Throws `ApiError` for an invalid or existing name. Names
 * must not begin with `_`: `_` is the caller's own namespace, and CouchDB reserves such ids.
 */
export async function addUser(subjects: Subjects, name: unknown): Promise<Caller> {
  if (typeof name !== 'string' || !isEntityName(name) || name.startsWith('_'))
    throw new ApiError(400, 'A name of letters, digits, and inside "_ @ . & -" is needed.');
  const added = await subjects.add(name);
  if (added === undefined) throw new ApiError(409, `The user ${name} exists already.`);
  return added;
}

export function adminRoute(
  subjects: Subjects,
  operatorKey: string,
  bodies: BodyBudget,
  status: () => Promise<StatusReport>,
): (request: IncomingMessage, response: ServerResponse, transactionId: string) => void {
  const expected = Buffer.from(`Bearer ${operatorKey}`);
  const terms = { maxBytes: MAX_BODY_BYTES, budget: bodies, owner: OPERATOR };
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<unknown> => {
    const given = Buffer.from(request.headers.authorization ?? '');
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw noSuchRoute();
    if (request.url === STATUS_PATH && request.method === 'GET') return status();
    if (request.url !== USERS_PATH) throw noSuchRoute();
    if (request.method === 'GET') return subjects.list().map(userJson);
    if (request.method !== 'POST') throw malformed('GET or POST');
    return userJson(await addUser(subjects, (await bodyObject(request, response, terms, parseObject)).name));
  };
  return (request, response, transactionId) => {
    handle(request, response).then(
      (value) => sendJson(response, 200, transactionId, JSON.stringify(value)),
      (error: unknown) => {
        request.resume();
        sendError(response, asApiError(error), transactionId);
      },
    );
  };
}
