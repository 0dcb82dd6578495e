import { access, chmod, constants, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StartError } from './start-error.js';

const OWNER_ONLY = 0o700;
const OWNER_READS = 0o600;
const RUNNING_FILE = 'running.json';

/** Makes the directory where it is missing, and one for `entities` in it, whose keys only the owner can read. */
export async function prepareDataDirectory(directory: string, entities = true): Promise<void> {
  try {
    await makeDirectory(directory);
    await access(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    if (!entities) return;
    await makeDirectory(join(directory, 'entities'));
    await chmod(join(directory, 'entities'), OWNER_ONLY);
  } catch (cause) {
    throw new StartError(
      `The data directory ${directory} cannot be written (${codeOf(cause)}): choose another with --data, or give this user the right to write it.`,
      { cause },
    );
  }
}

/** Makes the directory level by level: Node's recursive `mkdir` never ends where a level neither exists nor can be made (`/proc`). */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: OWNER_ONLY });
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return;
    if (codeOf(error) !== 'ENOENT') throw error;
    await makeDirectory(dirname(path));
    await mkdir(path, { mode: OWNER_ONLY });
  }
}

/** The `StartError` for a data directory that another process has. */
export function directoryInUse(directory: string, cause: unknown): StartError {
  return new StartError(
    `The data directory ${directory} is in use by another process: stop that server, or choose another with --data.`,
    { cause },
    'DATA_DIRECTORY_IN_USE',
  );
}

/** How the command line reaches the server that runs on a data directory. */
export interface RunningServer {
  readonly url: string;
  readonly pid: number;
  readonly operatorKey: string;
}

export async function writeRunning(directory: string, running: RunningServer): Promise<void> {
  const path = join(directory, RUNNING_FILE);
  const unfinished = `${path}.new`;
  try {
    await rm(unfinished, { force: true });
    await writeFile(unfinished, JSON.stringify(running), { mode: OWNER_READS });
    await rename(unfinished, path);
  } catch (cause) {
    // The file is of no use, and may be what fills the disk.
    await rm(unfinished, { force: true }).catch(() => undefined);
    throw new StartError(
      `The file ${path} cannot be written (${codeOf(cause)}): remove it, make room, or choose another directory with --data.`,
      { cause },
    );
  }
}

export async function removeRunning(directory: string): Promise<void> {
  await rm(join(directory, RUNNING_FILE), { force: true });
}

export async function readRunning(directory: string): Promise<RunningServer | undefined> {
  try {
    return JSON.parse(await readFile(join(directory, RUNNING_FILE), 'utf8')) as RunningServer;
  } catch {
    return undefined;
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'error';
}
