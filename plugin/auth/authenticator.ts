import { timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { authorizationOf, type Caller } from './identity.js';
import type { Subjects } from './subjects.js';

const KNOWN_HEADERS = 10_000;
const LONGEST_KNOWN = 1024;

/**
 * From the Authorization header to the caller; headers that were right before, and still are, are looked up
 * whole.
 */
export class Authenticator {
  readonly #known = new LRUCache<string, Caller>({ max: KNOWN_HEADERS });

  readonly #subjects: Subjects;

  constructor(subjects: Subjects) {
    this.#subjects = subjects;
  }

  /** `absent`: no Basic credentials were supplied, or none that can be decoded; `invalid`: they are wrong. */
  authenticate(header: string | undefined): Caller | 'absent' | 'invalid' {
    if (header === undefined) return 'absent';
    const known = this.#known.get(header);
    if (known !== undefined && this.#subjects.find(known.uuid) === known) return known;
    const encoded = /^basic +([A-Za-z\d+/]+={0,2})$/i.exec(header)?.[1];
    if (encoded === undefined) return 'absent';
    const supplied = Buffer.from(encoded, 'base64');
    const caller = this.#subjects.find(supplied.subarray(0, Math.max(0, supplied.indexOf(':'))).toString());
    if (caller === undefined || !equal(supplied, Buffer.from(authorizationOf(caller)))) return 'invalid';
    // Not every way to write it: spaces, and what base64 leaves out, make it as long as headers may be.
    if (header.length <= LONGEST_KNOWN) this.#known.set(header, caller);
    return caller;
  }
}

function equal(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
