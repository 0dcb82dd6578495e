import { open } from 'node:fs/promises';

/** The first `size` bytes of a file that a container may still be changing. Rejects when it has not as many. */
export async function readBytes(path: string, size: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(size);
  const file = await open(path, 'r');
  try {
    for (let at = 0; at < size;) {
      const { bytesRead } = await file.read(bytes, at, size - at, at);
      if (bytesRead === 0) throw new Error(`a hand-over file has ${at} bytes, ${size} were announced`);
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
  return bytes;
}
