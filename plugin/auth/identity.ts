import { randomBytes, randomUUID } from 'node:crypto';

/** The caller of a request: a subject in one of its namespaces, with the key `uuid:key`. */
export interface Caller {
  readonly namespace: string;
  readonly subject: string;
  readonly uuid: string;
  readonly key: string;
}

/** OpenWhisk's well-known development key of the namespace `guest`. */
export const WELL_KNOWN_KEY = {
  uuid: '23bc46b1-71f6-4ed5-8c54-816aa4f8c502',
  key: '123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP',
} as const;

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** A new key of OpenWhisk's form: a UUID, and 64 letters and digits. */
export function newKey(): { uuid: string; key: string } {
  let key = '';
  while (key.length < 64) {
    for (const byte of randomBytes(64)) if (byte < 248 && key.length < 64) key += ALPHABET[byte % ALPHABET.length]!;
  }
  return { uuid: randomUUID(), key };
}

/** `uuid:key`, the form that clients are configured with. */
export function authorizationOf(caller: { readonly uuid: string; readonly key: string }): string {
  return `${caller.uuid}:${caller.key}`;
}
