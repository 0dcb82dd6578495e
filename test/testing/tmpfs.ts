import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { describe, test } from '@jest/globals';

/** A file system of its own size, mounted on a folder. */
export interface Tmpfs {
  readonly path: string;
  unmount(): void;
}

/** Mounts one on a folder, which is made. Needs root. */
export function mountTmpfs(path: string, size: string): Tmpfs {
  mkdirSync(path, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'dataflower-test', path]);
  // Lazily: a test that fails may have left a server that uses it.
  return { path, unmount: () => execFileSync('umount', ['-l', path]) };
}

/**
 * A `describe` whose tests mount file systems. Where that is not allowed one skipped test and a line say so; with `CI=true`
 * they run, and fail.
 */
export function describeWithMounts(title: string, suite: () => void): void {
  describe(title, () => {
    if (process.getuid?.() === 0 || process.env['CI'] === 'true') {
      suite();
      return;
    }
    process.stderr.write(`Not run without root, since it mounts file systems: ${title}.\n`);
    test.skip('needs root', () => undefined);
  });
}
