import { CodedError } from '@dataflower/common';

const CODES = [
  /** No engine answers at the address, or the answer was cut off. */
  'ENGINE_UNREACHABLE',
  /** The engine did not answer in time; it may carry out the request all the same. */
  'ENGINE_TIMEOUT',
  /** The image is neither on the engine nor in its registry. */
  'IMAGE_MISSING',
  /** The image is not on the engine, and the configuration does not allow to pull it. */
  'IMAGE_NOT_PULLED',
  /** The image's labels or volumes exceed a limit. */
  'IMAGE_UNFIT',
  /** The container, network or image does not exist, or no longer. */
  'NOT_FOUND',
  /** The engine refused the request. */
  'ENGINE_REFUSED',
] as const;
export type EngineErrorCode = (typeof CODES)[number];

/** The Docker engine did not carry out a request. */
export class EngineError extends CodedError<EngineErrorCode> {
  static readonly codes = CODES;

  constructor(code: EngineErrorCode, message: string, options?: ErrorOptions) {
    super('EngineError', code, code === 'ENGINE_UNREACHABLE' || code === 'ENGINE_TIMEOUT', message, options);
  }

  static is(error: unknown, code?: EngineErrorCode): error is EngineError {
    return error instanceof EngineError && (code === undefined || error.code === code);
  }

  /** @param doing The request, as in `create a container`. @param address Address of the engine. */
  static from(cause: unknown, doing: string, address: string): EngineError {
    if (cause instanceof EngineError) return cause;
    const { statusCode, message, code, name } = cause as Error & { statusCode?: number; code?: string };
    const reason = reasonOf(cause as { json?: { message?: string } }, message);
    const make = (ours: EngineErrorCode, text: string): EngineError =>
      new EngineError(ours, `the Docker engine cannot ${doing}: ${text}`, { cause });
    if (name === 'AbortError' || name === 'TimeoutError') return make('ENGINE_TIMEOUT', 'it does not answer in time');
    if (statusCode === undefined) {
      const text = `no Docker engine answers at ${address} (${code ?? message})`;
      return new EngineError('ENGINE_UNREACHABLE', text, { cause });
    }
    if (statusCode === 404) return make(/no such image/i.test(reason) ? 'IMAGE_MISSING' : 'NOT_FOUND', reason);
    return make('ENGINE_REFUSED', reason);
  }
}

function reasonOf({ json }: { json?: { message?: string } }, message: string): string {
  return (json?.message ?? message).slice(0, 500).trim();
}
