import { writeSync } from 'node:fs';

/** Writes a line of the runtime's own on the container's stderr, which is for its operator; past the function's log. */
export function complain(text: string): void {
  try {
    writeSync(2, `${text}\n`);
  } catch {
    // Standard error is closed: there is nowhere to complain.
  }
}
