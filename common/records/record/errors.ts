import { CodedError } from '../../coded-error.js';

export type RecordLogErrorCode = (typeof RecordLogError.codes)[number];

/**
 * A failure of the record log:
 *
 * - `RECORD_LOG_LOCKED`: another process has the directory open.
 * - `RECORD_LOG_CLOSED`: a record or note was appended after `close`.
 * - `BAD_ACTIVATION_ID`: the activation id of a record is not 32 hex digits.
 * - `RECORD_WRITE_FAILED`: queued records cannot be written. They stay queued and readable, and the log tries again.
 */
export class RecordLogError extends CodedError<RecordLogErrorCode> {
  static readonly codes = [
    'RECORD_LOG_LOCKED',
    'RECORD_LOG_CLOSED',
    'BAD_ACTIVATION_ID',
    'RECORD_WRITE_FAILED',
  ] as const;

  constructor(code: RecordLogErrorCode, message: string, options?: ErrorOptions) {
    super('RecordLogError', code, code === 'RECORD_WRITE_FAILED', message, options);
  }
}

/** Some records cannot be read at the moment, so that the answer would be wrong or incomplete. */
export class RecordsUnavailableError extends CodedError<'RECORDS_UNAVAILABLE'> {
  static readonly codes = ['RECORDS_UNAVAILABLE'] as const;

  constructor(message: string, options?: ErrorOptions) {
    super('RecordsUnavailableError', 'RECORDS_UNAVAILABLE', true, message, options);
  }
}
