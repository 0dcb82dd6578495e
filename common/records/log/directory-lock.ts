import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { identityText, isAlive, ownIdentity, parseIdentity } from '../../process/process-identity.js';
import { RecordLogError } from '../record/errors.js';

/**
 * Locks a directory for this process, by a file `lock` with the identity of the process; replaces the lock of a dead
 * process. Does not exclude processes on other machines or in other pid namespaces.
 * @throws RecordLogError RECORD_LOG_LOCKED while another process has the lock.
 */
export function lockDirectory(directory: string): () => void {
  const lock = path.join(directory, 'lock');
  const own = `${identityText(ownIdentity())}\n`;
  while (!tryLock(lock, own)) removeStale(lock, directory);
  return () => {
    if (read(lock) === own) fs.rmSync(lock, { force: true });
  };
}

/** A link appears with its content, so that no process reads half a lock. */
function tryLock(lock: string, own: string): boolean {
  const file = `${lock}.${randomBytes(8).toString('hex')}`;
  fs.writeFileSync(file, own, { flag: 'wx', mode: 0o600 });
  try {
    fs.linkSync(file, lock);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    fs.rmSync(file, { force: true });
  }
}

function removeStale(lock: string, directory: string): void {
  const text = read(lock);
  if (text === undefined) return;
  refuseIfAlive(text, directory);
  // Another process may have replaced the stale lock meanwhile: then the rename moves a live lock, and the link restores it.
  const aside = `${lock}.${randomBytes(8).toString('hex')}`;
  try {
    fs.renameSync(lock, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const moved = read(aside);
  if (moved !== text && moved !== undefined) fs.linkSync(aside, lock);
  fs.rmSync(aside, { force: true });
}

function refuseIfAlive(text: string, directory: string): void {
  const owner = parseIdentity(text.trim());
  if (owner === undefined || !isAlive(owner)) return;
  throw new RecordLogError(
    'RECORD_LOG_LOCKED',
    `The record directory ${directory} is in use by process ${owner.pid}: stop that process or choose another directory.`,
  );
}

function read(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
