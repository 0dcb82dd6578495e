import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import type { LogLine } from '../../protocol/index.js';

/** The action came without any code. */
export class MissingCodeError extends Error {}

const RUNTIME = fileURLToPath(new URL('../..', import.meta.url));

/** Without the stack's frames that are not the user's: they differ with how the runtime was installed. */
function ownFrames(stack: string): string {
  const isForeign = (line: string): boolean =>
    /^\s+at /.test(line) && (line.includes(RUNTIME) || /node:(?:internal\/|vm:)/.test(line));
  return stack
    .split('\n')
    .filter((line) => !isForeign(line))
    .join('\n');
}

/** What OpenWhisk shows for a failed initialisation; a thrown string has no stack and is shown as it is. */
export function initFailure(error: unknown): string {
  if (error instanceof MissingCodeError) return 'Missing main/no code to execute.';
  const stack = typeof error === 'object' && error !== null ? (error as { stack?: unknown }).stack : undefined;
  return `Initialization has failed due to: ${typeof stack === 'string' && stack !== '' ? ownFrames(stack) : String(error)}`;
}

/** What OpenWhisk's runtime writes on stderr then. */
export function initFailureLog(error: unknown): LogLine[] {
  const lines = `Error during initialization: ${typeof error === 'string' ? error : ownFrames(inspect(error))}`.split(
    '\n',
  );
  return lines.map((text) => ({ invocationId: 0, stream: 'stderr', time: Date.now(), text, truncated: false }));
}
