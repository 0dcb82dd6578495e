import { CodedError } from '@dataflower/common';

/** Why the data sink refused something. */
export type SinkErrorCode =
  /** A reference was released twice, or a value was used after its last release: a bug of the holder. */
  | 'VALUE_RELEASED'
  /** `toJson` was asked for a value whose bytes are in a file; `toJsonAsync` reads files. */
  | 'VALUE_IN_FILE'
  /** A hand-over file has not the announced size, or is no longer a plain file. */
  | 'HANDOVER_REFUSED'
  /** The limit is reached and the values that wait cannot be written to disk. */
  | 'SPILL_FAILED'
  /** The same, told to one who would bring more. */
  | 'FULL';

/** A failure of the data sink. `SPILL_FAILED` and `FULL` may pass by themselves (the disk gets room); the others will not. */
export class SinkError extends CodedError<SinkErrorCode> {
  constructor(code: SinkErrorCode, message: string, options?: ErrorOptions) {
    super('SinkError', code, code === 'SPILL_FAILED' || code === 'FULL', message, options);
  }
}
