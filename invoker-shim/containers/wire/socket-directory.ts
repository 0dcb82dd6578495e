import { mkdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { makeShortDirectory, shortNameBytes } from '@dataflower/common/process';

/** Longest path of a unix socket that every system takes, in bytes. */
export const MAX_SOCKET_PATH_BYTES = 100;

/** Length of the path after the base directory: a number and the name, with a margin. */
const INSIDE_BYTES = '/000000000/s'.length;

/**
 * The directory for the sockets of one agent: private (mode 0700), outside the data directory so that its paths stay
 * short, named after the process so that the next agent recognizes the directory of a killed one.
 */
export class SocketDirectory {
  readonly path: string;
  #count = 0;

  /** @param parent Where it is made. Default: the system's temporary directory, or `/tmp` when that is too long. */
  constructor(parent: string = os.tmpdir()) {
    const fits = Buffer.byteLength(parent) + 1 + shortNameBytes() + INSIDE_BYTES < MAX_SOCKET_PATH_BYTES;
    this.path = makeShortDirectory(fits ? parent : '/tmp');
  }

  /** Makes the directory of one container; returns the path for its socket. */
  create(): string {
    const directory = path.join(this.path, `${++this.#count}`);
    mkdirSync(directory, { mode: 0o700 });
    return path.join(directory, 's');
  }

  /** Removes the directory of the container with this socket. */
  release(socketPath: string): void {
    rmSync(path.dirname(socketPath), { recursive: true, force: true, maxRetries: 2 });
  }

  /** Removes everything. */
  close(): void {
    rmSync(this.path, { recursive: true, force: true, maxRetries: 2 });
  }
}
