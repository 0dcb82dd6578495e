import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let base: string | undefined;
let made: string | undefined;

/** Sets the parent of the private directory, which the starter of the process removes after it. */
export function makePrivateDirectoryIn(directory: string): void {
  base = directory;
}

/**
 * The runtime's own directory for unpacked code. It is removed when the process exits; a killed process leaves it to the
 * cleanup of its starter.
 */
export function privateDirectory(): string {
  if (made === undefined) {
    made = realpathSync(mkdtempSync(join(base ?? tmpdir(), 'action-')));
    process.on('exit', removePrivateDirectory);
  }
  return made;
}

/** Removes the directory, for a thread that ends the process without an `exit` event. */
export function removePrivateDirectory(): void {
  if (made !== undefined) rmSync(made, { recursive: true, force: true });
}
