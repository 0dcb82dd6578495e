import type { Release } from './entity-store.js';

/** A hold that is ended twice would end that of somebody else: what comes after the first call does nothing. */
export function once(release: Release): Release {
  let ended = false;
  return () => {
    if (ended) return;
    ended = true;
    release();
  };
}
