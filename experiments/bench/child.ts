import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { cleanedUp } from '../platform/cleanup.js';

const STOP_TIMEOUT_MS = 15_000;

/** A program of this folder that runs beside the bench, on one core. */
export interface Child {
  readonly pid: number;
  /** The message with which it announced that it is ready. */
  readonly ready: unknown;
  stop(): Promise<void>;
}

/** Starts a program of this folder on a core and waits until it says that it is ready. */
export async function startChild(
  program: string,
  args: readonly string[],
  core: number,
  environment: Readonly<Record<string, string>> = {},
): Promise<Child> {
  const file = fileURLToPath(new URL(program, import.meta.url));
  const child = spawn('taskset', ['-a', '-c', String(core), process.execPath, file, ...args], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, ...environment },
  });
  const kill = (): boolean => child.kill('SIGKILL');
  process.once('exit', kill);
  const exited = once(child, 'exit');
  const [ready] = (await Promise.race([
    once(child, 'message'),
    exited.then(() => {
      throw new Error(`${program} ended before it was ready`);
    }),
  ])) as [unknown];
  const stop = cleanedUp(async () => {
    process.off('exit', kill);
    child.kill('SIGTERM');
    const timer = setTimeout(kill, STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  });
  return { pid: child.pid!, ready, stop };
}
