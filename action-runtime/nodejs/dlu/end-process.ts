import { createRequire } from 'node:module';

/**
 * Ends the process at once, whatever its main thread is doing, and its whole group if it leads one. A thread cannot exit for
 * its process, and the first process of a container ignores signals from inside, even SIGKILL: it is ended by a fault.
 */
export function endProcess(): void {
  if (process.pid > 1) {
    kill(-process.pid);
    kill(process.pid);
  } else {
    const v8 = createRequire(import.meta.url)('node:v8') as typeof import('node:v8');
    v8.setFlagsFromString('--allow-natives-syntax');
    // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-call -- a constant V8 intrinsic, no input
    new Function('%SystemBreak()')();
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // The process leads no group.
  }
}
