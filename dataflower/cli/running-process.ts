import { InvalidArgumentError } from 'commander';
import type { Terminal } from './outcome.js';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const SIGNAL_EXIT = 128;
const SIGNAL_NUMBER = { SIGINT: 2, SIGTERM: 15 } as const;

/** Parses a TCP port. Throws `InvalidArgumentError`. */
export function portOf(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 65535) throw new InvalidArgumentError('A port is a number from 0 to 65535.');
  return value;
}

/**
 * Signals within this time count as one: a signal to a process group comes from the system, and again from each parent that
 * forwards it, such as npm.
 */
const ONE_SIGNAL_MS = 500;

/** Resolves when a signal has stopped the server. A second signal ends the process at once. */
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
  terminal.err('Stopping: waiting for running activations. A second signal stops at once.');
  // Closing may wait for unreferenced timers only, which do not keep the process alive.
  const alive = setInterval(() => undefined, LONGEST_TIMER_MS);
  try {
    await server.close();
  } finally {
    clearInterval(alive);
  }
  for (const signal of SIGNALS) process.removeAllListeners(signal);
}
