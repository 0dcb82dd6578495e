// `node:fs` loads `promises` on first use; an import of `node:fs/promises` would load it in every cold start.
import { closeSync, openSync, promises, readSync } from 'node:fs';

/** Reads a value from a hand-over file into memory of its own. Each file is read once and never mapped. */
export async function readHandOver(path: string, size: number): Promise<ArrayBuffer> {
  const buffer = Buffer.allocUnsafeSlow(size);
  const file = await promises.open(path, 'r');
  try {
    for (let at = 0; at < size;) {
      const { bytesRead } = await file.read(buffer, at, size - at, at);
      at += checked(bytesRead, path, at, size);
    }
  } finally {
    await file.close();
  }
  return buffer.buffer;
}

/** Synchronous form of `readHandOver`. */
export function readHandOverSync(path: string, size: number): ArrayBuffer {
  const buffer = Buffer.allocUnsafeSlow(size);
  const file = openSync(path, 'r');
  try {
    for (let at = 0; at < size;) at += checked(readSync(file, buffer, at, size - at, at), path, at, size);
  } finally {
    closeSync(file);
  }
  return buffer.buffer;
}

function checked(bytesRead: number, path: string, at: number, size: number): number {
  if (bytesRead === 0) throw new Error(`${path} has ${at} bytes, ${size} were announced`);
  return bytesRead;
}
