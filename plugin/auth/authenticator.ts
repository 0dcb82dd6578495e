import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { LRUCache } from 'lru-cache';
import { notAuthenticated } from '@dataflower/common/http';
import { authorizationOf, type Caller } from './identity.js';
import type { Subjects } from './subjects.js';

const KNOWN_HEADERS = 10_000;
/** Longest header that is remembered, in characters. */
const MAX_KNOWN_CHARS = 1024;

/** Finds the caller of an Authorization header. Headers that were accepted before are looked up whole. */
export class Authenticator {
  readonly #known = new LRUCache<string, Caller>({ max: KNOWN_HEADERS });

  readonly #subjects: Subjects;

  constructor(subjects: Subjects) {
    this.#subjects = subjects;
  }

  /** `absent`: there are no Basic credentials that can be decoded; `invalid`: they are wrong. */
  authenticate(header: string | undefined): Caller | 'absent' | 'invalid' {
    if (header === undefined) return 'absent';
    const known = this.#known.get(header);
    if (known !== undefined && this.#subjects.find(known.uuid) === known) return known;
    const encoded = /^basic +([A-Za-z\d+/]+={0,2})$/i.exec(header)?.[1];
    if (encoded === undefined) return 'absent';
    const supplied = Buffer.from(encoded, 'base64');
    const caller = this.#subjects.find(supplied.subarray(0, Math.max(0, supplied.indexOf(':'))).toString());
    if (caller === undefined || !equal(supplied, Buffer.from(authorizationOf(caller)))) return 'invalid';
    // One key can be written in many ways, by spaces and unused base64 bits: only short headers are remembered.
    if (header.length <= MAX_KNOWN_CHARS) this.#known.set(header, caller);
    return caller;
  }
}

function equal(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** The caller of a request (OW-2). Throws `ApiError` 401. */
export function authenticated(authenticator: Authenticator, request: IncomingMessage): Caller {
  const caller = authenticator.authenticate(request.headers.authorization);
  if (caller === 'absent')
    throw notAuthenticated('The resource requires authentication, which was not supplied with the request');
  if (caller === 'invalid') throw notAuthenticated('The supplied authentication is invalid');
  return caller;
}
