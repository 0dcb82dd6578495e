import { randomBytes, timingSafeEqual } from 'node:crypto';

/** A secret that nobody guesses, as text. */
export function newSecret(): string {
  return randomBytes(16).toString('hex');
}

/** Compares in a time that does not tell how much was right. */
export function isSame(said: string, secret: string): boolean {
  const a = Buffer.from(said);
  const b = Buffer.from(secret);
  return a.length === b.length && timingSafeEqual(a, b);
}
