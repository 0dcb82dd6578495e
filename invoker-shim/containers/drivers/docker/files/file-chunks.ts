import { open } from 'node:fs/promises';

/** Bytes written or copied by one call: they fit into the processor's caches. */
export const CHUNK_BYTES = 512 * 1024;
/** Concurrent calls: more of them copy no faster. */
const CONCURRENCY = 4;
const zeros = Buffer.alloc(CHUNK_BYTES);

/** Calls `work` for all chunks of a range, in order, a few at once. Settles when every call has ended. */
export async function inChunks(
  from: number,
  to: number,
  work: (at: number, length: number) => Promise<unknown>,
): Promise<void> {
  let next = from;
  const worker = async (): Promise<void> => {
    while (next < to) {
      const at = next;
      next += CHUNK_BYTES;
      await work(at, Math.min(CHUNK_BYTES, to - at));
    }
  };
  // The caller closes the files then: no call may still use them.
  const ends = await Promise.allSettled(Array.from({ length: CONCURRENCY }, worker));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

/**
 * Writes zeros from `from` to `to`. The first process that touches a page of shared memory is charged for it: so the agent
 * is, and not a container with little memory.
 */
export async function zeroFill(path: string, from: number, to: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await inChunks(from, to, (at, length) => file.write(zeros, 0, length, at));
  } finally {
    await file.close();
  }
}
