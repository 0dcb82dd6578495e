import { type FileHandle, open } from 'node:fs/promises';

/** Bytes written or copied at once: what the processor's caches hold. */
const PIECE_BYTES = 512 * 1024;
/** Pieces under way at once: more copy no faster. */
const AT_ONCE = 4;

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

/**
 * Copies `size` bytes from one file into another that is there, by name and not through links. What is written into the first one
 * meanwhile may or may not be in the copy. Rejects when it has become shorter.
 */
export async function copyBytes(from: string, to: string, size: number): Promise<void> {
  const source = await open(from, 'r');
  let target: FileHandle | undefined;
  try {
    target = await open(to, 'r+');
    const sink = target;
    const spare: Buffer[] = [];
    await inPieces(0, size, async (at, length) => {
      const buffer = spare.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES);
      const { bytesRead } = await source.read(buffer, 0, length, at);
      if (bytesRead !== length) throw new Error(`a hand-over file has become shorter than its ${size} bytes`);
      await sink.write(buffer, 0, length, at);
      spare.push(buffer);
    });
  } finally {
    await source.close();
    await target?.close();
  }
}

async function inPieces(
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
