import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { close, closeSync, constants, open } from 'node:fs';
import { chown, unlink } from 'node:fs/promises';
import { Socket } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';

// Only for plain descriptors: a socket closes its own.
const opened = promisify(open);
const closed = promisify(close);

/** The pipes of a child's stdout and stderr: the reading ends, and the descriptors for the child. */
export interface OutputPipes {
  readonly readers: readonly [Socket, Socket];
  readonly descriptors: readonly [number, number];
  /** Closes the writing ends of this process. Call it once the child has its own; the readers end when no writer is left. */
  release(): Promise<void>;
}

/**
 * Creates the pipes. Node would give the child sockets, which differ from a container's stdout: opening `/dev/stdout` fails
 * there, and concurrent writes may be interleaved.
 *
 * @param directory Where the pipes have a name for a moment.
 * @param uid User that may open them by `/dev/stdout`. Default: the agent's user.
 * @returns Undefined where named pipes cannot be created.
 */
export async function outputPipes(directory: string, uid?: number): Promise<OutputPipes | undefined> {
  const names = ['stdout', 'stderr'].map((name) => path.join(directory, name));
  const descriptors: number[] = [];
  try {
    await makeNamed(names);
    if (uid !== undefined) for (const name of names) await chown(name, uid, uid);
    // A pipe can be opened for writing only when its reading end is open; O_NONBLOCK opens that without a writer.
    for (const name of names) descriptors.push(await opened(name, constants.O_RDONLY | constants.O_NONBLOCK));
    for (const name of names) descriptors.push(await opened(name, constants.O_WRONLY));
  } catch {
    for (const descriptor of descriptors) closeSync(descriptor);
    return undefined;
  } finally {
    for (const name of names) await unlink(name).catch(() => undefined);
  }
  const [stdout, stderr, ...writers] = descriptors as [number, number, number, number];
  const reader = (fd: number): Socket => new Socket({ fd, readable: true, writable: false });
  return {
    readers: [reader(stdout), reader(stderr)],
    descriptors: writers,
    release: async () => {
      for (const writer of writers) await closed(writer);
    },
  };
}

/** Creates named pipes by `mkfifo`: Node has no function for it. */
async function makeNamed(names: readonly string[]): Promise<void> {
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' };
  const program = spawn('mkfifo', ['-m', '600', ...names], { env, stdio: 'ignore' });
  const [code] = (await once(program, 'close')) as [number | null];
  if (code !== 0) throw new Error(`mkfifo ended with ${code}`);
}
