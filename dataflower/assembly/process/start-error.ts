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

/** The reason why nothing can listen at an address, and what to do; `settings` names the settings of port and host. */
export function listenError(
  cause: unknown,
  { host, port }: { readonly host: string; readonly port: number },
  settings: { readonly port: string; readonly host: string },
): StartError {
  const { code } = cause as NodeJS.ErrnoException;
  const told = (text: string): StartError => new StartError(text, { cause });
  if (code === 'EADDRINUSE')
    return told(`The port ${port} of ${host} is in use: stop what uses it, or choose another with ${settings.port}.`);
  if (code === 'EACCES')
    return told(`The port ${port} may not be used by this user: choose one from 1024 on with ${settings.port}.`);
  return told(
    `Cannot listen on ${host}, port ${port} (${code ?? String(cause)}): choose another address with ${settings.host}.`,
  );
}
