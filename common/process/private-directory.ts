import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { endProcessesIn } from './left-processes.js';
import { identityText, isAlive, ownIdentity, parseIdentity, type ProcessIdentity } from './process-identity.js';

/** Prefix of the names of all directories of agents. */
const BEGINNING = 'dataflower-';
/** Default place of such directories. */
const SHARED_MEMORY = '/dev/shm';

/**
 * Makes a directory under `base` that only this user can enter, with the process in its name. Throws the error of the file
 * system.
 */
export function makePrivateDirectory(base: string, purpose: string): string {
  // mkdtemp makes it with mode 0700.
  return fs.mkdtempSync(path.join(base, `${namePrefix(purpose)}${identityText(ownIdentity())}-`));
}

/** Makes such a directory with the shortest possible name: for paths with a bound. */
export function makeShortDirectory(base: string): string {
  return fs.mkdtempSync(path.join(base, shortName()));
}

/** Length of the name of a directory made by `makeShortDirectory`, in bytes. */
export function shortNameBytes(): number {
  return shortName().length + 6;
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

/**
 * Removes what dead agents of this machine left: directories in `bases`, in the temporary directory and in shared memory,
 * and the processes that still run in them. To be called when an agent starts.
 *
 * @returns How many directories were removed.
 */
export function removeLeftBehind(bases: readonly string[] = []): number {
  let removed = 0;
  for (const base of new Set([...bases, os.tmpdir(), '/tmp', SHARED_MEMORY])) {
    for (const name of namesIn(base)) {
      const owner = ownerOf(name);
      if (owner !== undefined && !isAlive(owner) && remove(path.join(base, name))) removed++;
    }
  }
  return removed;
}

/** Undefined for a directory that is no agent's, or that belongs to another machine or pid namespace, whose pids mean nothing here. */
function ownerOf(name: string): ProcessIdentity | undefined {
  const match = /^(.*-)(\d+-\d+)-[^-]*$/.exec(name);
  if (match === null || !name.startsWith(BEGINNING)) return undefined;
  const prefix = match[1]!;
  if (prefix !== shortPrefix() && !prefix.endsWith(`-${machineTag()}-`)) return undefined;
  return parseIdentity(match[2]!);
}

/** False when the directory belongs to another user, or when another process removes it at this moment. */
function remove(directory: string): boolean {
  try {
    const { uid } = fs.lstatSync(directory);
    const self = process.getuid?.();
    if (self !== 0 && uid !== self) return false;
    endProcessesIn(directory, uid);
    if (self !== 0) fs.rmSync(directory, { recursive: true, force: true, maxRetries: 2 });
    // Its owner or a container may change the content meanwhile: `rm` follows no link that they put there.
    else spawnSync('rm', ['-rf', '--one-file-system', '--', directory]);
    return !fs.existsSync(directory);
  } catch {
    return false;
  }
}

function namesIn(base: string): string[] {
  try {
    return fs.readdirSync(base);
  } catch {
    return [];
  }
}

function namePrefix(purpose: string): string {
  return `${BEGINNING}${purpose}-${machineTag()}-`;
}

function shortName(): string {
  return `${shortPrefix()}${identityText(ownIdentity())}-`;
}

function shortPrefix(): string {
  return `${BEGINNING}${pidNamespace().replace(/\D/g, '') || '0'}-`;
}

/** Tells machines and pid namespaces apart that share a directory: their pids mean nothing here. */
function machineTag(): string {
  return `${os.hostname()}${pidNamespace()}`.replace(/[^A-Za-z0-9]/g, '').slice(-40);
}

/** The pid namespace of this process; empty where the system has none. */
function pidNamespace(): string {
  try {
    return fs.readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}
