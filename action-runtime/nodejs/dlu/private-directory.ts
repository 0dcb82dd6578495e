import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let made: string | undefined;

/** The runtime's own directory for unpacked code, removed when the process exits. */
export function privateDirectory(): string {
  if (made === undefined) {
    const directory = realpathSync(mkdtempSync(join(tmpdir(), 'action-')));
    process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
    made = directory;
  }
  return made;
}
