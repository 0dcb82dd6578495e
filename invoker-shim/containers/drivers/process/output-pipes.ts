import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { close, closeSync, constants, open } from 'node:fs';
import { chown, unlink } from 'node:fs/promises';
import { Socket } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';

// Plain descriptors: a socket closes its own.
const opened = promisify(open);
const closed = promisify(close);

/** The pipes of a child's stdout and stderr: their ends here, and the descriptors that the child is to have. */
export interface OutputPipes {
  readonly readers: readonly [Socket, Socket];
  readonly descriptors: readonly [number, number];
  /** Once the child has its ends: the readers end when nobody has one any more. */
  release(): Promise<void>;
}

/**
 * Makes the pipes. Node would give the child sockets, which are no stdout as a container has it: a program that opens
 * `/dev/stdout` fails there, and one write may be cut in two by another's.
 *
 * @param directory Where they may have a name for a moment.
 * @param uid Who may open them by `/dev/stdout`. Default: the agent's user.
 * @returns Undefined where named pipes cannot be made.
 */
export async function outputPipes(directory: string, uid?: number): Promise<OutputPipes | undefined> {
  const names = ['stdout', 'stderr'].map((name) => path.join(directory, name));
  const descriptors: number[] = [];
  try {
    await makeNamed(names);
    if (uid !== undefined) for (const name of names) await chown(name, uid, uid);
    // Its other end has to be open before one can be opened for writing; without waiting for somebody who writes.
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

/** Node has no function for it. */
async function makeNamed(names: readonly string[]): Promise<void> {
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' };
  const program = spawn('mkfifo', ['-m', '600', ...names], { env, stdio: 'ignore' });
  const [code] = (await once(program, 'close')) as [number | null];
  if (code !== 0) throw new Error(`mkfifo ended with ${code}`);
}
