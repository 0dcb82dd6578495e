import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { identityText, isAlive, ownIdentity, parseIdentity } from './process-identity.js';

/**
 * Makes a directory under `base` that only this user can enter, with the process in its name, and removes those that
 * dead processes of this machine left there. Throws what the file system says.
 */
export function makePrivateDirectory(base: string, purpose: string): string {
  const prefix = `dataflower-${purpose}-${machineTag()}-`;
  removeStale(base, prefix);
  // mkdtemp makes it with mode 0700.
  return fs.mkdtempSync(path.join(base, `${prefix}${identityText(ownIdentity())}-`));
}

/** The first of the directories that can be written, or undefined. */
export function firstWritable(candidates: readonly string[]): string | undefined {
  return candidates.find((candidate) => {
    try {
      fs.accessSync(candidate, fs.constants.W_OK | fs.constants.X_OK);
      return fs.statSync(candidate).isDirectory();
    } catch {
      return false;
    }
  });
}

function removeStale(base: string, prefix: string): void {
  for (const name of fs.readdirSync(base)) {
    if (!name.startsWith(prefix)) continue;
    const owner = parseIdentity(name.slice(prefix.length, name.lastIndexOf('-')));
    if (owner === undefined || isAlive(owner)) continue;
    try {
      fs.rmSync(path.join(base, name), { recursive: true, force: true });
    } catch {
      // Another user's, or another process removes it at this moment: not ours to insist on.
    }
  }
}

/** A directory shared between machines or pid namespaces holds others' files, whose pids say nothing here. */
function machineTag(): string {
  let namespace = '';
  try {
    namespace = fs.readlinkSync('/proc/self/ns/pid');
  } catch {
    // No such thing on this system.
  }
  return `${os.hostname()}${namespace}`.replace(/[^A-Za-z0-9]/g, '').slice(-40);
}
