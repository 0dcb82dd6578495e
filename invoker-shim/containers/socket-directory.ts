import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** Longest path of a unix socket that every system takes, in bytes. */
export const MAX_SOCKET_PATH_BYTES = 100;

const PREFIX = 'dataflower-';
const NAME = /^dataflower-(\d+)-/;
/** What follows the base directory in a socket's path: a six-digit number and the name, with room to spare. */
const INSIDE_BYTES = '/000000000/s'.length;

/**
 * The directory for the sockets of one agent: private (mode 0700), outside the data directory so that its paths stay
 * short, named after the process so that the next agent can tell what a killed one left behind.
 */
export class SocketDirectory {
  readonly path: string;
  #count = 0;

  /** @param parent Where it is made. Default: the system's temporary directory, or `/tmp` when that is too long. */
  constructor(parent: string = os.tmpdir()) {
    const name = `${PREFIX}${process.pid}-`;
    const fits = Buffer.byteLength(path.join(parent, name)) + 6 + INSIDE_BYTES < MAX_SOCKET_PATH_BYTES;
    this.path = mkdtempSync(path.join(fits ? parent : '/tmp', name));
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

/**
 * Removes the socket directories of agents of this user that are no longer alive; returns how many.
 * Call it when an agent starts.
 */
export function removeStale(parent: string = os.tmpdir()): number {
  let removed = 0;
  for (const base of new Set([parent, '/tmp'])) {
    for (const name of list(base)) {
      const pid = Number(NAME.exec(name)?.[1] ?? 0);
      if (pid === 0 || isAlive(pid)) continue;
      const directory = path.join(base, name);
      try {
        if (statSync(directory).uid !== process.getuid?.()) continue;
        rmSync(directory, { recursive: true, force: true, maxRetries: 2 });
        removed++;
      } catch {
        // Someone else removed it first, or it is not ours to remove.
      }
    }
  }
  return removed;
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
