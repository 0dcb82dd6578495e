import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';

const RUNTIME = fileURLToPath(new URL('../..', import.meta.url));

/** A stack without the runtime's own frames, which depend on the installation and say nothing about the user's code. */
export function userStack(stack: string): string {
  const isRuntimeFrame = (line: string): boolean =>
    /^\s+at /.test(line) && (line.includes(RUNTIME) || /node:(?:internal\/|vm:)/.test(line));
  return stack
    .split('\n')
    .filter((line) => !isRuntimeFrame(line))
    .join('\n');
}

/** A thrown value for `console.error`, without the runtime's frames. Never throws, whatever the value's getters do. */
export function printable(thrown: unknown): unknown {
  if ((typeof thrown !== 'object' && typeof thrown !== 'function') || thrown === null) return thrown;
  try {
    return userStack(inspect(thrown));
  } catch {
    return NO_TEXT;
  }
}

/** Stands for a value that throws when it is converted to text. */
export const NO_TEXT = '(a value without a text)';
