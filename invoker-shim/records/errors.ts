/** Why the record log refused something. */
export type RecordLogErrorCode =
  /** Another process has the directory open. */
  | 'RECORD_LOG_LOCKED'
  /** A record was appended after `close`. */
  | 'RECORD_LOG_CLOSED'
  /** A record whose activation id is not 32 hex digits. */
  | 'BAD_ACTIVATION_ID'
  /** A file with a segment's name that is something else. */
  | 'NOT_A_RECORD_LOG'
  /** Queued records cannot be written; they stay queued and readable, and are tried again. */
  | 'RECORD_WRITE_FAILED';

const BRAND = Symbol.for('dataflower.RecordLogError');

/** A failure of the record log. */
export class RecordLogError extends Error {
  readonly code: RecordLogErrorCode;
  readonly retryable: boolean;
  readonly [BRAND] = true;

  constructor(code: RecordLogErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RecordLogError';
    this.code = code;
    this.retryable = code === 'RECORD_WRITE_FAILED';
  }

  /** True for errors of this class from any realm or copy of the module. */
  static is(error: unknown): error is RecordLogError {
    return typeof error === 'object' && error !== null && BRAND in error;
  }
}
