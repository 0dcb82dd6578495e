import { randomBytes, timingSafeEqual } from 'node:crypto';
import { ProtocolError } from '@dataflower/action-runtime/protocol';

/** Largest HELLO, in bytes, on a run channel too. */
export const MAX_HELLO_BYTES = 4096;

/** A secret of 128 random bits, as 32 hex digits. */
export function newSecret(): string {
  return randomBytes(16).toString('hex');
}

/** Compares in constant time. */
export function isSame(said: string, secret: string): boolean {
  const a = Buffer.from(said);
  const b = Buffer.from(secret);
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Checks the size of a frame from a peer that has not proved its identity, before the frame is parsed. */
export function checkSize(name: string, { length }: Buffer, maxBytes: number): void {
  if (length > maxBytes)
    throw new ProtocolError('MALFORMED_PAYLOAD', `a ${name} of ${length} bytes, at most ${maxBytes} are allowed`);
}
