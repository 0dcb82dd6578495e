/** Bytes written or copied at once: what the processor's caches hold. */
export const PIECE_BYTES = 512 * 1024;
/** Pieces under way at once: more copy no faster. */
const AT_ONCE = 4;

/** Does `work` for all pieces of a range, in their order, some at once; all have ended when it settles. */
export async function inPieces(
  from: number,
  to: number,
  work: (at: number, length: number) => Promise<unknown>,
): Promise<void> {
  let next = from;
  const worker = async (): Promise<void> => {
    while (next < to) {
      const at = next;
      next += PIECE_BYTES;
      await work(at, Math.min(PIECE_BYTES, to - at));
    }
  };
  // All have ended before the files are closed.
  const ends = await Promise.allSettled(Array.from({ length: AT_ONCE }, worker));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}
