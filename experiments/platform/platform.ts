import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cleanedUp } from './cleanup.js';
import { descendants } from './process-tree.js';

/** A platform of our own, in a process of its own, with a data directory that goes when it goes. */
export interface Platform {
  readonly url: string;
  /** `uuid:key` of the guest namespace. */
  readonly authorization: string;
  readonly pid: number;
  /** Ends it and everything that it started, and removes its data. */
  stop(): Promise<void>;
}

export interface PlatformOptions {
  /** Configuration as environment variables, `DATAFLOWER_…`. */
  readonly environment?: Readonly<Record<string, string>>;
  /** The core that it, and everything it starts, runs on at first; undefined: all of them. */
  readonly core?: number;
  /** Gets what it says on standard output and standard error. */
  readonly onOutput?: (text: string) => void;
}

const main = fileURLToPath(new URL('../../../dataflower/dist/cli/main.js', import.meta.url));
/** Of what a platform says, so much is kept for the case that it ends by itself; in characters. */
const KEPT_OUTPUT = 4096;
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 15_000;

/** Starts `dataflower standalone` on a free port. Rejects with what it said when it does not come up. */
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
  // However this process ends, nothing stays behind.
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

/** Reads the address and the key from what the server says when it is up. */
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

/** Says on standard error why a platform that should be running is gone, with the last that it said. */
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
      // It ended with its parent, as it should.
    }
  }
}
