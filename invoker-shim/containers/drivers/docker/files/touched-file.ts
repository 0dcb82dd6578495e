import { open } from 'node:fs/promises';
import { inPieces, PIECE_BYTES } from './file-chunks.js';

const zeros = Buffer.alloc(PIECE_BYTES);

/**
 * Has the file's bytes from `from` to `to` exist, all of them zero. Whoever first touches a page of shared memory is
 * charged for it; so the agent is, and not a container with little of it.
 */
export async function touch(path: string, from: number, to: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await inPieces(from, to, (at, length) => file.write(zeros, 0, length, at));
  } finally {
    await file.close();
  }
}
