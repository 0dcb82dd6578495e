import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { identityText, isAlive, ownIdentity, parseIdentity } from '../sink/process-identity.js';

/** Longest path of a unix socket that every system takes, in bytes. */
export const MAX_SOCKET_PATH_BYTES = 100;

/** What follows the base directory in a socket's path: a number and the name, with room to spare. */
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
    const name = `${prefix()}${identityText(ownIdentity())}-`;
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
  const start = prefix();
  let removed = 0;
  for (const base of new Set([parent, '/tmp'])) {
    for (const name of list(base)) {
      if (!name.startsWith(start)) continue;
      const owner = parseIdentity(name.slice(start.length, name.lastIndexOf('-')));
      if (owner === undefined || isAlive(owner)) continue;
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

/** The beginning of the names: the space in which process ids mean something, as containers may share a directory. */
function prefix(): string {
  let namespace = '0';
  try {
    namespace = readlinkSync('/proc/self/ns/pid').replace(/\D/g, '') || '0';
  } catch {
    // No such thing on this system.
  }
  return `dataflower-${namespace}-`;
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
