import { writeSync } from 'node:fs';

export type StreamName = 'stdout' | 'stderr';

const DESCRIPTORS = { stdout: 1, stderr: 2 } as const;
/** Delay before another attempt to write to a full pipe, in milliseconds. */
const RETRY_MS = 1;
// The function itself: user code may replace the member of `fs`.
const write = writeSync;
const pause = new Int32Array(new SharedArrayBuffer(4));

/**
 * Writes to a standard stream of the process, not through the console, and returns when everything is written. It waits
 * while the pipe is full, as Node does for a stream that is a pipe.
 *
 * @param withinMs Longest wait for a full pipe, in milliseconds.
 * @returns False when not everything could be written: the pipe stayed full, or the stream is closed.
 */
export function writeToProcessStream(stream: StreamName, bytes: Uint8Array, withinMs = Infinity): boolean {
  const until = performance.now() + withinMs;
  for (let at = 0; at < bytes.length;) {
    try {
      at += write(DESCRIPTORS[stream], bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || performance.now() > until) return false;
      Atomics.wait(pause, 0, 0, RETRY_MS);
    }
  }
  return true;
}

/** Writes a line for the operator to the container's stderr, outside the function's log. */
export function logForOperator(text: string): void {
  try {
    write(DESCRIPTORS.stderr, `${text}\n`);
  } catch {
    // Standard error is closed.
  }
}
