import { type FileHandle, open, stat } from 'node:fs/promises';
import { tryLock } from 'fs-native-extensions';
import { CodedError } from '@dataflower/common';
import { isMissing, sameFile } from './durable-files.js';

/** The directory is open already, in another process or in this one. */
export class StoreLockedError extends CodedError<'STORE_LOCKED'> {
  static readonly codes = ['STORE_LOCKED'] as const;

  constructor(message: string, options?: ErrorOptions) {
    super('StoreLockedError', 'STORE_LOCKED', false, message, options);
  }
}

/**
 * Lets one process at a time open a directory, by a kernel lock on a file. The lock ends with the process, also with a
 * killed one, and is seen by other containers that mount the directory.
 */
export class DirectoryLock {
  readonly #path: string;
  #handle: FileHandle;

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  /** @throws StoreLockedError while the directory is open elsewhere. */
  static async take(path: string): Promise<DirectoryLock> {
    return new DirectoryLock(path, await lockFile(path));
  }

  /** Locks the file anew when it was removed or replaced: another process could lock the new file. */
  async renew(): Promise<void> {
    if (await isAt(this.#path, this.#handle)) return;
    const renewed = await lockFile(this.#path);
    await this.#handle.close();
    this.#handle = renewed;
  }

  /** The file stays: another process must not lock a file that is about to be removed. */
  release(): Promise<void> {
    return this.#handle.close();
  }
}

async function lockFile(path: string): Promise<FileHandle> {
  const handle = await open(path, 'a', 0o600);
  try {
    if (tryLock(handle.fd) && (await isAt(path, handle))) return handle;
    throw new StoreLockedError(`The lock ${path} is held by another process.`);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function isAt(path: string, handle: FileHandle): Promise<boolean> {
  try {
    return sameFile(await stat(path, { bigint: true }), await handle.stat({ bigint: true }));
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
