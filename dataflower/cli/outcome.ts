/** Where a sub-command writes and reads; the process's own, or a test's. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Width in characters; undefined when it is no terminal that a person looks at. */
  readonly columns?: number | undefined;
}

export const USAGE_ERROR = 2;
export const FAILURE = 1;

/** Ends a sub-command: one line on standard error, and the exit code. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: number;

  constructor(message: string, exitCode: number = FAILURE, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** A member of an error's message when it is one, else the text of what was thrown. */
export function messageOf(error: unknown): string {
  const { message } = (error ?? {}) as { message?: unknown };
  return typeof message === 'string' ? message : String(error);
}
