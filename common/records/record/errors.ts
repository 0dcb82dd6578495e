import { CodedError } from '../../coded-error.js';

/** Why the record log refused something. */
export type RecordLogErrorCode =
  /** Another process has the directory open. */
  | 'RECORD_LOG_LOCKED'
  /** A record was appended after `close`. */
  | 'RECORD_LOG_CLOSED'
  /** A record whose activation id is not 32 hex digits. */
  | 'BAD_ACTIVATION_ID'
  /** Queued records cannot be written; they stay queued and readable, and are tried again. */
  | 'RECORD_WRITE_FAILED';

/** A failure of the record log. */
export class RecordLogError extends CodedError<RecordLogErrorCode> {
  constructor(code: RecordLogErrorCode, message: string, options?: ErrorOptions) {
    super('RecordLogError', code, code === 'RECORD_WRITE_FAILED', message, options);
  }
}
