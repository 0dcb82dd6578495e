import { InvalidArgumentError } from 'commander';
import type { Terminal } from './outcome.js';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const SIGNAL_EXIT = 128;
const SIGNAL_NUMBER = { SIGINT: 2, SIGTERM: 15 } as const;

/** A flag's value as a TCP port. */
export function portOf(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 65535) throw new InvalidArgumentError('A port is a number from 0 to 65535.');
  return value;
}

/**
 * A signal to a group of processes comes from the system and again from each parent that passes it on, such as npm. What
 * comes within this time is the same one.
 */
const ONE_SIGNAL_MS = 500;

/** Resolves when a signal has stopped the server; a second signal ends the process at once. */
export async function stopped(server: { close(): Promise<void> }, terminal: Terminal): Promise<void> {
  await new Promise<void>((resolve) => {
    for (const signal of SIGNALS) process.once(signal, () => resolve());
  });
  const first = performance.now();
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (performance.now() - first > ONE_SIGNAL_MS) process.exit(SIGNAL_EXIT + SIGNAL_NUMBER[signal]);
    });
  }
  terminal.err('Stopping: running activations may end. A second signal stops at once.');
  // What is waited for may have timers alone, and those keep no process: it would end with its work half done.
  const alive = setInterval(() => undefined, LONGEST_TIMER_MS);
  try {
    await server.close();
  } finally {
    clearInterval(alive);
  }
  for (const signal of SIGNALS) process.removeAllListeners(signal);
}
