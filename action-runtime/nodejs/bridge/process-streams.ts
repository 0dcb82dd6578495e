import { writeSync } from 'node:fs';

export type StreamName = 'stdout' | 'stderr';

const DESCRIPTORS = { stdout: 1, stderr: 2 } as const;
/** A full pipe is tried again after so long, in milliseconds. */
const AGAIN_MS = 1;
// Kept from before user code could replace it.
const write = writeSync;
const pause = new Int32Array(new SharedArrayBuffer(4));

/**
 * Writes on the process's own stream, past the console, and returns when all of it is there: a full pipe is waited for, as
 * Node does for a stream that is a pipe.
 *
 * @param withinMs A pipe that stays full for so long is given up, in milliseconds.
 * @returns False when not all of it could be written: the pipe stayed full, or the stream is closed.
 */
export function writeOwn(stream: StreamName, bytes: Uint8Array, withinMs = Infinity): boolean {
  const until = performance.now() + withinMs;
  for (let at = 0; at < bytes.length;) {
    try {
      at += write(DESCRIPTORS[stream], bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || performance.now() > until) return false;
      Atomics.wait(pause, 0, 0, AGAIN_MS);
    }
  }
  return true;
}
