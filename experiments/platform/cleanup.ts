import { constants } from 'node:os';

/** The things to undo before the process ends, the latest first. */
const pending = new Set<() => Promise<void>>();
let ending = false;

/**
 * Wraps what undoes something, so that it is done once: by its caller, or when a signal ends the process before.
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

/** A signal to a group of processes comes again from each parent that passes it on: within this time it is the same one. */
const ONE_SIGNAL_MS = 500;

/** On SIGINT and SIGTERM undoes everything and ends; a second signal ends at once. */
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

/** True once a signal has come: what fails from then on is no news. */
export function isEnding(): boolean {
  return ending;
}
