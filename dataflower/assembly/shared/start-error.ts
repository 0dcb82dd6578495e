import { CodedError } from '@dataflower/common';

const CODES = [
  /** The configuration, the machine or a service that is needed does not allow the start: the message says what to do. */
  'CANNOT_START',
  /** Another process works on the data directory. */
  'DATA_DIRECTORY_IN_USE',
] as const;

export type StartErrorCode = (typeof CODES)[number];

/** The reason why a process of the platform cannot start: one line that says what is wrong and what to do. */
export class StartError extends CodedError<StartErrorCode> {
  static readonly codes = CODES;

  constructor(message: string, options?: ErrorOptions, code: StartErrorCode = 'CANNOT_START') {
    super('StartError', code, false, message, options);
  }

  static is(error: unknown, code: StartErrorCode): error is StartError {
    return error instanceof StartError && error.code === code;
  }
}
