import { constants } from 'node:os';

/** Functions to call before the process ends, the latest first. */
const pending = new Set<() => Promise<void>>();
let ending = false;

/**
 * Wraps a clean-up function so that it runs once: when it is called, or when a signal ends the process before.
 */
export function cleanedUp(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  const once = (): Promise<void> => {
    done ??= work().finally(() => pending.delete(once));
    return done;
  };
  pending.add(once);
  return once;
}

/** A signal to a process group arrives again from each parent that forwards it: within this time it counts as one. */
const ONE_SIGNAL_MS = 500;

/** On SIGINT and SIGTERM runs all clean-up functions and ends; a second signal ends the process at once. */
export function endOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const code = 128 + constants.signals[signal];
    process.once(signal, () => {
      ending = true;
      const first = performance.now();
      process.on(signal, () => {
        if (performance.now() - first > ONE_SIGNAL_MS) process.exit(code);
      });
      const all = [...pending].reverse().map((undo) => undo());
      void Promise.allSettled(all).then(() => process.exit(code));
    });
  }
}

/** True after a signal: failures from then on need no report. */
export function isEnding(): boolean {
  return ending;
}
