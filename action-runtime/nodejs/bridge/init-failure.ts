import type { LogLine } from '../../protocol/index.js';
import { NO_TEXT, printable, userStack } from './user-stack.js';

/** The action has no code. */
export class MissingCodeError extends Error {
  static readonly codes = ['MISSING_CODE'] as const;
  readonly code = 'MISSING_CODE';
  override readonly name = 'MissingCodeError';
}

/** OpenWhisk's text for a failed initialisation. A thrown string has no stack and is shown as it is. */
export function initFailure(error: unknown): string {
  if (error instanceof MissingCodeError) return 'Missing main/no code to execute.';
  return `Initialization has failed due to: ${errorFirst(stackOf(error)).stack}`;
}

/** The text that OpenWhisk's runtime writes on stderr for it; the source line follows a syntax error. */
export function initFailureText(error: unknown): string {
  const { stack, excerpt } = errorFirst(String(printable(error)));
  return `Error during initialization: ${stack}${excerpt}`;
}

/** The same text as log lines, for a failure before the function logic unit is loaded. */
export function initFailureLog(error: unknown): LogLine[] {
  return initFailureText(error)
    .split('\n')
    .map((text) => ({ invocationId: 0, stream: 'stderr', time: Date.now(), text, truncated: false }));
}

function stackOf(error: unknown): string {
  try {
    const { stack } = Object(error) as { stack?: unknown };
    return typeof stack === 'string' && stack !== '' ? userStack(stack) : String(error);
  } catch {
    return NO_TEXT;
  }
}

/**
 * Node prints the place of a syntax error, its source line and a mark before the error itself. This returns the error first,
 * with the place as its first frame.
 */
function errorFirst(stack: string): { stack: string; excerpt: string } {
  const [header, place, source, mark] = /^(\S.*:\d+)\n(.*)\n([ \t]*\^*)\n\n(?=\w*Error: )/.exec(stack) ?? [];
  if (header === undefined) return { stack, excerpt: '' };
  const [message, ...frames] = stack.slice(header.length).split(/(?=\n {4}at )/);
  const column = mark!.indexOf('^') + 1;
  const frame = `\n    at ${place!}${column > 0 ? `:${column}` : ''}`;
  return { stack: [message, frame, ...frames].join(''), excerpt: `\n\n${source!}\n${mark!}` };
}
