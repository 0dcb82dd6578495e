import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cleanedUp } from './cleanup.js';
import { descendants } from './process-tree.js';

/** A platform in a process of its own, with a temporary data directory. */
export interface Platform {
  readonly url: string;
  /** `uuid:key` of the guest namespace. */
  readonly authorization: string;
  readonly pid: number;
  /** Stops the platform and all its processes, and removes its data. */
  stop(): Promise<void>;
}

export interface PlatformOptions {
  /** Configuration as environment variables, `DATAFLOWER_…`. */
  readonly environment?: Readonly<Record<string, string>>;
  /** The core on which the platform and its processes start; undefined: all cores. */
  readonly core?: number;
  /** Called with its standard output and standard error. */
  readonly onOutput?: (text: string) => void;
}

const main = fileURLToPath(new URL('../../../dataflower/dist/cli/main.js', import.meta.url));
/** Characters of a platform's output that are kept, to be reported when it ends by itself. */
const KEPT_OUTPUT = 4096;
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 15_000;

/** Starts `dataflower standalone` on a free port. Rejects with its output when it does not start. */
export async function startPlatform(options: PlatformOptions = {}): Promise<Platform> {
  const dataDir = mkdtempSync(join(tmpdir(), 'dataflower-'));
  const removeData = (): void => rmSync(dataDir, { recursive: true, force: true, maxRetries: 3 });
  const command = [process.execPath, main, 'standalone', '--port', '0', '--data', dataDir];
  if (options.core !== undefined) command.unshift('taskset', '-a', '-c', String(options.core));
  const child = spawn(command[0]!, command.slice(1), {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...withoutOwn(process.env),
      DATAFLOWER_LOG_LEVEL: 'warn',
      DATAFLOWER_CONTAINERS_DRIVER: 'process',
      ...options.environment,
    },
  });
  const { onOutput } = options;
  if (onOutput !== undefined) {
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => onOutput(chunk.toString()));
  }
  // Also runs when a signal ends this process.
  const onExit = (): void => {
    child.kill('SIGKILL');
    removeData();
  };
  process.once('exit', onExit);
  let stopTelling = (): void => {};
  const stop = cleanedUp(async () => {
    stopTelling();
    await end(child);
    process.off('exit', onExit);
    removeData();
  });
  try {
    const { url, authorization } = await ready(child);
    stopTelling = tellWhenLost(child);
    return { url, authorization, pid: child.pid!, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The environment without the caller's own configuration of a platform: a measurement must not depend on it. */
function withoutOwn(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('DATAFLOWER_')));
}

/** Reads the address and the key from the server's output once it serves. */
function ready(child: ChildProcess): Promise<{ url: string; authorization: string }> {
  return new Promise((resolve, reject) => {
    let said = '';
    const fail = (why: string): void => reject(new Error(`The platform did not start: ${why}\n${said.trim()}`));
    const timer = setTimeout(() => fail(`no answer within ${START_TIMEOUT_MS / 1000} s`), START_TIMEOUT_MS);
    const onData = (chunk: Buffer): void => {
      if (said.length < 65_536) said += chunk.toString();
      const url = /https?:\/\/[\w.-]+:\d+/.exec(said)?.[0];
      const authorization = /[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}:\w{64}/.exec(said)?.[0];
      if (url === undefined || authorization === undefined) return;
      clearTimeout(timer);
      resolve({ url, authorization });
    };
    child.stdout!.on('data', onData);
    child.stderr!.on('data', onData);
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      fail(`it ended with ${signal ?? `code ${String(code)}`}`);
    });
  });
}

/** Reports on standard error that a platform ended by itself, with the end of its output. */
function tellWhenLost(child: ChildProcess): () => void {
  let said = '';
  const onData = (chunk: Buffer): void => {
    said = (said + chunk.toString()).slice(-KEPT_OUTPUT);
  };
  const onExit = (code: number | null, signal: string | null): void => {
    process.stderr.write(`The platform ended by itself with ${signal ?? `code ${String(code)}`}.\n${said}\n`);
  };
  child.stdout!.on('data', onData);
  child.stderr!.on('data', onData);
  child.once('exit', onExit);
  return () => child.off('exit', onExit);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const tree = descendants(child.pid);
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(timer);
  for (const pid of tree) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended with its parent, as intended.
    }
  }
}
