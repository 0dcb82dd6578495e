/** Why the Docker engine did not do what it was asked. */
export type EngineErrorCode =
  /** Nobody answers at its address, or the answer was cut off. */
  | 'ENGINE_UNREACHABLE'
  /** It did not answer in time; whether it does it all the same is not known. */
  | 'ENGINE_TIMEOUT'
  /** There is no such image on the engine, nor where it was looked for. */
  | 'IMAGE_MISSING'
  /** There is no such image on the engine, and none is to be looked for elsewhere. */
  | 'IMAGE_NOT_PULLED'
  /** What it says about itself is beyond every measure. */
  | 'IMAGE_UNFIT'
  /** What it was asked about does not exist (any more). */
  | 'NOT_FOUND'
  /** It refused. */
  | 'ENGINE_REFUSED';

export class EngineError extends Error {
  override readonly name = 'EngineError';

  constructor(
    readonly code: EngineErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  static is(error: unknown, code?: EngineErrorCode): error is EngineError {
    return error instanceof EngineError && (code === undefined || error.code === code);
  }

  /** @param doing What was asked for, as in `cannot create a container`. @param address Of the engine. */
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
