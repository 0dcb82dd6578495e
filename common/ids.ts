import { randomFillSync } from 'node:crypto';

declare const kind: unique symbol;

/** Id of an activation: 32 lowercase hex digits. A type of its own, so that no other text is taken for one. */
export type ActivationId = string & { readonly [kind]: 'activation' };

/** Takes a text from outside as the id of an activation. */
export function activationIdOf(text: string): ActivationId {
  return text as ActivationId;
}

/** Makes ids. An input, so that tests can predict them. */
export type NewId = () => string;

const POOL_IDS = 512;

/** Random ids of 32 lowercase hex digits. The random bytes are drawn for many ids at once: a system call for each would be felt in a hop. */
export function randomIds(): NewId {
  const pool = Buffer.alloc(16 * POOL_IDS);
  let next = POOL_IDS;
  return () => {
    if (next === POOL_IDS) {
      randomFillSync(pool);
      next = 0;
    }
    const at = 16 * next++;
    return pool.toString('hex', at, at + 16);
  };
}
