import type { BigIntStats } from 'node:fs';
import { open } from 'node:fs/promises';

const OWNER_WRITES = 0o600;
/** Files that are worked on at once. Node has four threads for file work: more would only keep more files open. */
const AT_ONCE = 8;

/** Writes a new file and syncs its content; its name is durable after `syncDirectory`. */
export async function writeSynced(path: string, data: Buffer): Promise<void> {
  const handle = await open(path, 'wx', OWNER_WRITES);
  try {
    await handle.writeFile(data);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes the names in a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Whether two are one file or directory. One of them must be open: the system reuses the number of a removed file. */
export function sameFile(a: BigIntStats, b: BigIntStats): boolean {
  return a.ino === b.ino && a.dev === b.dev;
}

/** Whether an error says that a path does not exist. */
export function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

/** Runs `work` for each item, eight at a time. After the first failure no more is begun; rejects when all have ended. */
export async function inParallel<T>(
  items: Iterable<T> | AsyncIterable<T>,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  for await (const item of items) {
    const one: Promise<void> = work(item)
      .catch((error: unknown) => failures.push(error))
      .then(() => void running.delete(one));
    running.add(one);
    if (running.size >= AT_ONCE) await Promise.race(running);
    if (failures.length > 0) break;
  }
  await Promise.all(running);
  if (failures.length > 0) throw failures[0];
}
