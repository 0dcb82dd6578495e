import type { BigIntStats } from 'node:fs';

/** Whether two are one file or directory. One of them must be open: the system gives the number of a removed file again. */
export function sameFile(a: BigIntStats, b: BigIntStats): boolean {
  return a.ino === b.ino && a.dev === b.dev;
}
