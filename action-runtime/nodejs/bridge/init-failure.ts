import type { LogLine } from '../../protocol/index.js';
import { NO_TEXT, ownFrames, printable } from './user-stack.js';

/** The action came without any code. */
export class MissingCodeError extends Error {}

/** The text that OpenWhisk shows for a failed initialisation; a thrown string has no stack and is shown as it is. */
export function initFailure(error: unknown): string {
  if (error instanceof MissingCodeError) return 'Missing main/no code to execute.';
  return `Initialization has failed due to: ${errorFirst(stackOf(error)).stack}`;
}

/** The text that OpenWhisk's runtime writes on stderr then; of a syntax error, the line that it is in follows. */
export function initFailureText(error: unknown): string {
  const { stack, excerpt } = errorFirst(String(printable(error)));
  return `Error during initialization: ${stack}${excerpt}`;
}

/** The same as lines, where there is no function logic unit to write it. */
export function initFailureLog(error: unknown): LogLine[] {
  return initFailureText(error)
    .split('\n')
    .map((text) => ({ invocationId: 0, stream: 'stderr', time: Date.now(), text, truncated: false }));
}

function stackOf(error: unknown): string {
  try {
    const { stack } = Object(error) as { stack?: unknown };
    return typeof stack === 'string' && stack !== '' ? ownFrames(stack) : String(error);
  } catch {
    return NO_TEXT;
  }
}

/**
 * Node puts the place of a syntax error, its source line and a mark below it before the error itself. Here the error comes
 * first, the place as its first frame.
 */
function errorFirst(stack: string): { stack: string; excerpt: string } {
  const [header, place, source, mark] = /^(\S.*:\d+)\n(.*)\n([ \t]*\^*)\n\n(?=\w*Error: )/.exec(stack) ?? [];
  if (header === undefined) return { stack, excerpt: '' };
  const [message, ...frames] = stack.slice(header.length).split(/(?=\n {4}at )/);
  const column = mark!.indexOf('^') + 1;
  const frame = `\n    at ${place!}${column > 0 ? `:${column}` : ''}`;
  return { stack: [message, frame, ...frames].join(''), excerpt: `\n\n${source!}\n${mark!}` };
}
