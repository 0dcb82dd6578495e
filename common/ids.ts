import { randomFillSync } from 'node:crypto';

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
