import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { endProcessesIn } from './left-processes.js';
import { identityText, isAlive, ownIdentity, parseIdentity, type ProcessIdentity } from './process-identity.js';

/** Prefix of the names of all directories of agents. */
const BEGINNING = 'dataflower-';
/** Where such directories are made, unless somebody says otherwise. */
const SHARED_MEMORY = '/dev/shm';

/**
 * Makes a directory under `base` that only this user can enter, with the process in its name. Throws what the file
 * system says.
 */
export function makePrivateDirectory(base: string, purpose: string): string {
  // mkdtemp makes it with mode 0700.
  return fs.mkdtempSync(path.join(base, `${namePrefix(purpose)}${identityText(ownIdentity())}-`));
}

/** The same with a name that is as short as can be: for paths with a bound. */
export function makeShortDirectory(base: string): string {
  return fs.mkdtempSync(path.join(base, shortName()));
}

/** What the name of one made by `makeShortDirectory` takes, in bytes. */
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
 * Removes what dead agents of this machine left, whoever started them and for whatever purpose: directories in `bases`, in
 * the temporary directory and in shared memory, and what still runs in them. To be called when an agent starts.
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

/** Undefined for what is not an agent's, or of another machine or pid space, where its pid says nothing. */
function ownerOf(name: string): ProcessIdentity | undefined {
  const match = /^(.*-)(\d+-\d+)-[^-]*$/.exec(name);
  if (match === null || !name.startsWith(BEGINNING)) return undefined;
  const prefix = match[1]!;
  if (prefix !== shortPrefix() && !prefix.endsWith(`-${machineTag()}-`)) return undefined;
  return parseIdentity(match[2]!);
}

/** False when it is another user's, or another process removes it at this moment: not ours to insist on. */
function remove(directory: string): boolean {
  try {
    const { uid } = fs.lstatSync(directory);
    const self = process.getuid?.();
    if (self !== 0 && uid !== self) return false;
    endProcessesIn(directory, uid);
    if (self !== 0) fs.rmSync(directory, { recursive: true, force: true, maxRetries: 2 });
    // Another user, its owner or a container, may change what is in it meanwhile: this follows no link that it puts there.
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

/** A directory shared between machines or pid namespaces holds others' files, whose pids say nothing here. */
function machineTag(): string {
  return `${os.hostname()}${pidNamespace()}`.replace(/[^A-Za-z0-9]/g, '').slice(-40);
}

/** The space in which process ids mean something; empty where there is no such thing. */
function pidNamespace(): string {
  try {
    return fs.readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}
