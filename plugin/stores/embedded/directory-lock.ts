import { type FileHandle, open, stat } from 'node:fs/promises';
import { tryLock } from 'fs-native-extensions';
import { sameFile } from './same-file.js';

/** Another process, or another part of this one, has the directory. */
export class StoreLockedError extends Error {
  override readonly name = 'StoreLockedError';
}

/**
 * Keeps a directory for one opening at a time by a lock of the kernel on a file. The lock ends with the process, however
 * that ends, and holds between containers that share the directory.
 */
export class DirectoryLock {
  readonly #path: string;
  #handle: FileHandle;

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  /** @throws StoreLockedError while another one has it. */
  static async take(path: string): Promise<DirectoryLock> {
    return new DirectoryLock(path, await lockFile(path));
  }

  /** Takes the lock again when its file was removed or replaced: another process could lock the new one. */
  async renew(): Promise<void> {
    if (await isAt(this.#path, this.#handle)) return;
    const renewed = await lockFile(this.#path);
    await this.#handle.close();
    this.#handle = renewed;
  }

  /** The file stays: a process that waits to open it must not lock a file that is gone. */
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
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
