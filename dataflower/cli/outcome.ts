import { CodedError } from '@dataflower/common';

/** Where a sub-command writes and reads: the process's own streams and environment, or a test's. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Width in characters; undefined when the output is no terminal. */
  readonly columns?: number | undefined;
}

export const USAGE_ERROR = 2;
export const FAILURE = 1;

export type CommandErrorCode = (typeof CommandError.codes)[number];

/** Ends a sub-command: its message is one line on standard error, its code determines the exit code. */
export class CommandError extends CodedError<CommandErrorCode> {
  static readonly codes = ['COMMAND_FAILED', 'COMMAND_USAGE'] as const;

  constructor(message: string, code: CommandErrorCode = 'COMMAND_FAILED', options?: ErrorOptions) {
    super('CommandError', code, false, message, options);
  }

  get exitCode(): number {
    return this.code === 'COMMAND_USAGE' ? USAGE_ERROR : FAILURE;
  }
}

/** The message of an error, or the text of any other value that was thrown. */
export function messageOf(error: unknown): string {
  const { message } = (error ?? {}) as { message?: unknown };
  return typeof message === 'string' ? message : String(error);
}
