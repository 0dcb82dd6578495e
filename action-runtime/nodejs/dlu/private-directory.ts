import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let base: string | undefined;
let made: string | undefined;

/** Has the private directory made in this one, which whoever started the process removes after it. */
export function makePrivateDirectoryIn(directory: string): void {
  base = directory;
}

/**
 * The runtime's own directory for unpacked code, removed when the process exits. A process that is killed leaves it
 * behind, unless it lies where its starter cleans up.
 */
export function privateDirectory(): string {
  if (made === undefined) {
    made = realpathSync(mkdtempSync(join(base ?? tmpdir(), 'action-')));
    process.on('exit', removePrivateDirectory);
  }
  return made;
}

/** For a thread that ends the process without an event. */
export function removePrivateDirectory(): void {
  if (made !== undefined) rmSync(made, { recursive: true, force: true });
}
