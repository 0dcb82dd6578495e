import { fileURLToPath } from 'node:url';
import { type ChildProcess, spawn } from 'node:child_process';

/** How a program ended and what it said. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly withinMs?: number;
  readonly input?: string;
}

const MOST_OUTPUT = 64 * 1024 * 1024;

/** Collects what a child says on one of its streams, up to a bound. */
export function listen(child: ChildProcess, stream: 'stdout' | 'stderr'): () => string {
  const chunks: Buffer[] = [];
  let bytes = 0;
  child[stream]?.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= MOST_OUTPUT) chunks.push(chunk);
  });
  return () => Buffer.concat(chunks).toString();
}

/** Runs a program to its end; it is killed when it takes longer than it may. */
export function command(program: string, args: readonly string[], options: CommandOptions = {}): Promise<Ended> {
  const { environment = {}, cwd, withinMs = 180_000, input } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd,
      env: { ...ownEnvironment(), ...environment },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    const stdout = listen(child, 'stdout');
    const stderr = listen(child, 'stderr');
    const timer = setTimeout(() => child.kill('SIGKILL'), withinMs);
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout: stdout(), stderr: stderr() });
    });
  });
}

/** The environment without variables that configure a platform or a client, so that tests do not depend on the caller. */
export function ownEnvironment(): Record<string, string | undefined> {
  const configuring = /^(?:DATAFLOWER_|__OW_|WSK_|AIO_|NODE_OPTIONS$|NODE_CHANNEL_FD$|JEST_WORKER_ID$|NODE_ENV$)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !configuring.test(name)));
}

/** The absolute path of a file of this repository. */
export function repositoryPath(path: string): string {
  return fileURLToPath(new URL(`../../../${path}`, import.meta.url));
}
