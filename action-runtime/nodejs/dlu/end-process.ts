import { createRequire } from 'node:module';

/**
 * Ends the process at once, whatever its main thread is doing, and all that it has started where it leads its group. A
 * thread cannot exit for its process, and the first process of a container takes no signal that comes from inside, not
 * even SIGKILL: that one dies of a fault, which no process survives.
 */
export function endProcess(): void {
  if (process.pid > 1) {
    killed(-process.pid);
    killed(process.pid);
  } else {
    const v8 = createRequire(import.meta.url)('node:v8') as typeof import('node:v8');
    v8.setFlagsFromString('--allow-natives-syntax');
    // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-call -- V8's own words, no input
    new Function('%SystemBreak()')();
  }
}

function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It leads no group.
  }
}
