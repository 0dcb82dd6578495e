import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';

const RUNTIME = fileURLToPath(new URL('../..', import.meta.url));

/** A stack with the user's frames alone: the runtime's differ with how it was installed and say nothing of the user's code. */
export function ownFrames(stack: string): string {
  const isForeign = (line: string): boolean =>
    /^\s+at /.test(line) && (line.includes(RUNTIME) || /node:(?:internal\/|vm:)/.test(line));
  return stack
    .split('\n')
    .filter((line) => !isForeign(line))
    .join('\n');
}

/** A thrown value for `console.error`, with the user's frames alone. Never throws, whatever the value does when it is looked at. */
export function printable(thrown: unknown): unknown {
  if ((typeof thrown !== 'object' && typeof thrown !== 'function') || thrown === null) return thrown;
  try {
    return ownFrames(inspect(thrown));
  } catch {
    return NO_TEXT;
  }
}

/** For a value that throws when it is turned into text. */
export const NO_TEXT = '(a value without a text)';
