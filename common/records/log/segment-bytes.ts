import fs from 'node:fs';

const BLOCK_BYTES = 4096;

/** All bytes of a segment file, with zeros for blocks that the disk cannot read. Throws other errors of the file system. */
export function segmentBytes(path: string): Buffer {
  const fd = fs.openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(fs.fstatSync(fd).size);
    let done = 0;
    while (done < bytes.length) {
      const count = readOrSkip(fd, bytes, done);
      if (count === 0) break;
      done += count;
    }
    return bytes.subarray(0, done);
  } finally {
    fs.closeSync(fd);
  }
}

function readOrSkip(fd: number, bytes: Buffer, at: number): number {
  try {
    return fs.readSync(fd, bytes, at, bytes.length - at, at);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
  }
  const block = Math.min(BLOCK_BYTES - (at % BLOCK_BYTES), bytes.length - at);
  try {
    return fs.readSync(fd, bytes, at, block, at);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return block;
  }
}

/** True when the file exists and the disk cannot read this part of it. */
export function isUnreadable(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EIO';
}
