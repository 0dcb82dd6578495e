const BRAND = Symbol.for('dataflower.PipeClosedError');

/** A token was sent after `close`. The pipe has not taken it: the sender still owns its reference. */
export class PipeClosedError extends Error {
  readonly code = 'PIPE_CLOSED';
  readonly retryable = false;
  readonly [BRAND] = true;

  constructor() {
    super('the pipe is closed');
    this.name = 'PipeClosedError';
  }

  /** True for errors of this class from any realm or copy of the module. */
  static is(error: unknown): error is PipeClosedError {
    return typeof error === 'object' && error !== null && BRAND in error;
  }
}
